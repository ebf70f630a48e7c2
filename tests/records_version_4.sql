BEGIN TRANSACTION;
CREATE TABLE acceptance (
	record_id TEXT NOT NULL, 
	idx INTEGER NOT NULL, 
	record_hash TEXT NOT NULL, 
	who TEXT NOT NULL CHECK (trim(who) <> ''), 
	accepted TEXT NOT NULL, 
	comment TEXT NOT NULL, 
	PRIMARY KEY (record_id, idx), 
	FOREIGN KEY(record_id) REFERENCES record (record_id) DEFERRABLE INITIALLY DEFERRED
)
 WITHOUT ROWID

;
INSERT INTO "acceptance" VALUES('held',0,'cae01372a5b7dee91beffaf89ff00e8c9a13c6267dbbaab8c071ec13443cbede','Zoë','2026-11-27T13:34:22.866696+00:00','after the yearly calibration');
CREATE TABLE baseline (
	record_id TEXT NOT NULL, 
	idx INTEGER NOT NULL, 
	of_record TEXT NOT NULL, 
	taken TEXT NOT NULL, 
	unit TEXT NOT NULL, 
	value DOUBLE NOT NULL, 
	u DOUBLE NOT NULL, 
	low DOUBLE, 
	high DOUBLE, 
	PRIMARY KEY (record_id, idx), 
	CONSTRAINT baseline_value_with_u CHECK (u > 0 AND u < 1e300 AND abs(value) < 1e300), 
	CONSTRAINT baseline_interval_has_two_ends CHECK ((low IS NULL) = (high IS NULL) AND (low IS NULL OR low <= high)), 
	CONSTRAINT baseline_value_is_a_number CHECK (typeof(value) = 'real' AND typeof(u) = 'real'), 
	FOREIGN KEY(record_id) REFERENCES record (record_id) DEFERRABLE INITIALLY DEFERRED
)
 WITHOUT ROWID

;
INSERT INTO "baseline" VALUES('held',1,'2b01','2024-01-31T07:00:00.000000+00:00','mm',7.99999999999999933386e-01,3.33333333333333314829e-01,0.5,1.1);
CREATE TABLE comparison (
	record_id TEXT NOT NULL, 
	idx INTEGER NOT NULL, 
	quantity TEXT NOT NULL, 
	unit TEXT NOT NULL, 
	at TEXT NOT NULL, 
	value DOUBLE, 
	u DOUBLE, 
	their_value DOUBLE, 
	their_u DOUBLE, 
	engine TEXT NOT NULL, 
	engine_version TEXT NOT NULL, 
	really TEXT NOT NULL, 
	difference DOUBLE, 
	allowed DOUBLE, 
	outcome TEXT, 
	reason TEXT NOT NULL CHECK (trim(reason) <> ''), 
	PRIMARY KEY (record_id, idx), 
	CONSTRAINT comparison_value_with_u CHECK ((value IS NULL) = (u IS NULL) AND (u IS NULL OR (u > 0 AND u < 1e300))), 
	CONSTRAINT outcome_fits_the_numbers CHECK ((outcome IS NULL AND allowed IS NULL) OR (outcome = 'NOT_MEASURED' AND allowed IS NULL) OR (outcome = 'PASS' AND difference IS NOT NULL AND allowed IS NOT NULL AND abs(difference) <= allowed) OR (outcome = 'DISAGREEMENT' AND difference IS NOT NULL AND allowed IS NOT NULL AND abs(difference) > allowed)), 
	FOREIGN KEY(record_id) REFERENCES record (record_id) DEFERRABLE INITIALLY DEFERRED
)
 WITHOUT ROWID

;
INSERT INTO "comparison" VALUES('6f9619ff-8b86-4d01-b42d-00cf4fc964ff',0,'ball_offset_u','mm','{"gantry_deg":90.0}',0.3,0.5,0.34,0.25,'other','3.1','',4.00000000000000355271e-02,0.25,'PASS','0.04 apart, 0.25 allowed');
INSERT INTO "comparison" VALUES('6f9619ff-8b86-4d01-b42d-00cf4fc964ff',1,'ball_offset_u','mm','{"gantry_deg":90.0}',0.3,0.5,0.9,0.25,'other','3.1','noise included',6.00000000000000088817e-01,0.25,'DISAGREEMENT','0.6 apart, 0.25 allowed');
INSERT INTO "comparison" VALUES('6f9619ff-8b86-4d01-b42d-00cf4fc964ff',2,'','','{}',0.3,0.5,0.4,NULL,'other','3.1','another thing',1.00000000000000033306e-01,NULL,NULL,'shown, not judged');
INSERT INTO "comparison" VALUES('held',0,'ball_offset_u','mm','{"gantry_deg":90.0}',0.3,0.5,0.34,0.25,'other','3.1','',4.00000000000000355271e-02,0.25,'PASS','0.04 apart, 0.25 allowed');
CREATE TABLE evidence (
	record_id TEXT NOT NULL, 
	idx INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	title TEXT NOT NULL, 
	data BLOB NOT NULL, 
	PRIMARY KEY (record_id, idx), 
	FOREIGN KEY(record_id) REFERENCES record (record_id) DEFERRABLE INITIALLY DEFERRED
)
 WITHOUT ROWID

;
INSERT INTO "evidence" VALUES('6f9619ff-8b86-4d01-b42d-00cf4fc964ff',0,'Overlay','G 0',X'7801254DCB0AC23010FC1599730C694590DE8AA847F15C82440D5A9AA425496B4BC9BFBBC1C3C2EC3C57A85907540D46304C900C7A8EDAC5BBB5C46E0BBE67F908080282F4B7D70BAA15E1A3064D9E92ED881D5B170FA850D7A763FDBD9D9118ACF25DEE5ED1B5EE45E2D3F721D08E539692782863E81B7ACA86FF602378C1042FA54C541ADB68B2F1B211E48B4BDEC375D2DEA805E90742A837EE');
INSERT INTO "evidence" VALUES('6f9619ff-8b86-4d01-b42d-00cf4fc964ff',1,'Curve','sag',X'7801258D410A84300C45AF227F1DA55D8EDB39C6E0A230450AB6234D2C16F1EEA69D4DC8FB495E2EB8D333E60F569724571ABE7E05A1D010231602FB1CFAC285E4A2C78CA26396BAB57EFF8524ACC1A10A33194BADE8D9F9677A292BD68E964633D9E5D640827401BBF64DEADE6CEF23178FFB01CB282AE9');
INSERT INTO "evidence" VALUES('6f9619ff-8b86-4d01-b42d-00cf4fc964ff',2,'Table','images',X'7801AB56CA484D4C492D52B28A56CA4BCC4D55D2512AD551C8CD558AD5512ACA2F2F068A472B25EAA524E702650CF48C0D9462813225992539A94A564A99B989E9A9C5409992CA02103F243109285E0B004FD719C3');
INSERT INTO "evidence" VALUES('held',0,'Overlay','G 0',X'7801254DCB0AC23010FC1599730C694590DE8AA847F15C82440D5A9AA425496B4BC9BFBBC1C3C2EC3C57A85907540D46304C900C7A8EDAC5BBB5C46E0BBE67F908080282F4B7D70BAA15E1A3064D9E92ED881D5B170FA850D7A763FDBD9D9118ACF25DEE5ED1B5EE45E2D3F721D08E539692782863E81B7ACA86FF602378C1042FA54C541ADB68B2F1B211E48B4BDEC375D2DEA805E90742A837EE');
INSERT INTO "evidence" VALUES('held',1,'Curve','sag',X'7801258D410A84300C45AF227F1DA55D8EDB39C6E0A230450AB6234D2C16F1EEA69D4DC8FB495E2EB8D333E60F569724571ABE7E05A1D010231602FB1CFAC285E4A2C78CA26396BAB57EFF8524ACC1A10A33194BADE8D9F9677A292BD68E964633D9E5D640827401BBF64DEADE6CEF23178FFB01CB282AE9');
INSERT INTO "evidence" VALUES('held',2,'Table','images',X'7801AB56CA484D4C492D52B28A56CA4BCC4D55D2512AD551C8CD558AD5512ACA2F2F068A472B25EAA524E702650CF48C0D9462813225992539A94A564A99B989E9A9C5409992CA02103F243109285E0B004FD719C3');
CREATE TABLE input (
	record_id TEXT NOT NULL, 
	idx INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	sop_instance_uid TEXT NOT NULL, 
	used BOOLEAN NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (record_id, idx), 
	FOREIGN KEY(record_id) REFERENCES record (record_id) DEFERRABLE INITIALLY DEFERRED
)
 WITHOUT ROWID

;
INSERT INTO "input" VALUES('6f9619ff-8b86-4d01-b42d-00cf4fc964ff',0,'a.dcm','00ff','1.2.3',1,'');
INSERT INTO "input" VALUES('6f9619ff-8b86-4d01-b42d-00cf4fc964ff',1,'notes.txt','','',0,'not a DICOM file');
INSERT INTO "input" VALUES('held',0,'a.dcm','00ff','1.2.3',1,'');
INSERT INTO "input" VALUES('held',1,'notes.txt','','',0,'not a DICOM file');
CREATE TABLE judgement (
	record_id TEXT NOT NULL, 
	idx INTEGER NOT NULL, 
	reading INTEGER NOT NULL, 
	outcome TEXT NOT NULL CHECK (outcome IN ('PASS', 'INDETERMINATE', 'NOT_MEASURED', 'DISAGREEMENT', 'FAIL')), 
	reason TEXT NOT NULL, 
	limit_id TEXT NOT NULL, 
	procedure TEXT NOT NULL, 
	quantity TEXT NOT NULL, 
	unit TEXT NOT NULL, 
	tolerance DOUBLE, 
	action DOUBLE, 
	kind TEXT NOT NULL, 
	techniques TEXT NOT NULL, 
	frequency TEXT NOT NULL, 
	source TEXT NOT NULL, 
	confirmed BOOLEAN NOT NULL, 
	needs TEXT NOT NULL, 
	note TEXT NOT NULL, 
	parts TEXT NOT NULL, 
	PRIMARY KEY (record_id, idx), 
	CONSTRAINT pass_needs_reading_and_tolerance CHECK (outcome <> 'PASS' OR kind = 'functional' OR (reading >= 0 AND tolerance IS NOT NULL)), 
	FOREIGN KEY(record_id) REFERENCES record (record_id) DEFERRABLE INITIALLY DEFERRED
)
 WITHOUT ROWID

;
INSERT INTO "judgement" VALUES('6f9619ff-8b86-4d01-b42d-00cf4fc964ff',0,0,'NOT_MEASURED','couch missing','a','winston_lutz','ball_offset_u','mm',1.0,1.5,'absolute','["srs","sbrt"]','monthly','test',1,'["isocenter_size_couch"]','note','[]');
INSERT INTO "judgement" VALUES('held',0,0,'NOT_MEASURED','couch missing','a','winston_lutz','ball_offset_u','mm',1.0,1.5,'absolute','["srs","sbrt"]','monthly','test',1,'["isocenter_size_couch"]','note','[]');
INSERT INTO "judgement" VALUES('held',1,0,'NOT_MEASURED','couch missing','a','winston_lutz','ball_offset_u','mm',1.0,1.5,'absolute','["srs","sbrt"]','monthly','test',1,'["isocenter_size_couch"]','note','["Teflon","LDPE"]');
CREATE TABLE reading (
	record_id TEXT NOT NULL, 
	idx INTEGER NOT NULL, 
	procedure TEXT NOT NULL, 
	quantity TEXT NOT NULL, 
	unit TEXT NOT NULL, 
	meaning TEXT NOT NULL, 
	source TEXT NOT NULL, 
	value DOUBLE, 
	u DOUBLE, 
	low DOUBLE, 
	high DOUBLE, 
	at TEXT NOT NULL, 
	flags TEXT, 
	budget TEXT, 
	missing TEXT, 
	reason TEXT, 
	PRIMARY KEY (record_id, idx), 
	CONSTRAINT value_with_u_or_reason CHECK ((value IS NOT NULL AND u IS NOT NULL AND u > 0 AND u < 1e300 AND abs(value) < 1e300 AND reason IS NULL) OR (value IS NULL AND u IS NULL AND low IS NULL AND high IS NULL AND reason IS NOT NULL AND trim(reason) <> '')), 
	CONSTRAINT interval_has_two_ends CHECK ((low IS NULL) = (high IS NULL) AND (low IS NULL OR low <= high)), 
	CONSTRAINT value_is_a_number CHECK (typeof(value) IN ('real', 'null') AND typeof(u) IN ('real', 'null')), 
	FOREIGN KEY(record_id) REFERENCES record (record_id) DEFERRABLE INITIALLY DEFERRED
)
 WITHOUT ROWID

;
INSERT INTO "reading" VALUES('6f9619ff-8b86-4d01-b42d-00cf4fc964ff',0,'winston_lutz','ball_offset_u','mm','ball minus field','definition',3.00000000000000044408e-01,3.33333333333333314829e-01,-0.5,1.5,'{"gantry_deg":359.99,"sop_instance_uid":"1.2.3"}','["faint"]','{"noise":0.01}','',NULL);
INSERT INTO "reading" VALUES('6f9619ff-8b86-4d01-b42d-00cf4fc964ff',1,'winston_lutz','isocenter_size_couch','mm','diameter','definition',NULL,NULL,NULL,NULL,'{"gantry_deg":0.0}',NULL,NULL,NULL,'one couch angle only');
INSERT INTO "reading" VALUES('held',0,'winston_lutz','ball_offset_u','mm','ball minus field','definition',3.00000000000000044408e-01,3.33333333333333314829e-01,-0.5,1.5,'{"gantry_deg":359.99,"sop_instance_uid":"1.2.3"}','["faint"]','{"noise":0.01}','',NULL);
INSERT INTO "reading" VALUES('held',1,'winston_lutz','isocenter_size_couch','mm','diameter','definition',NULL,NULL,NULL,NULL,'{"gantry_deg":0.0}',NULL,NULL,NULL,'one couch angle only');
CREATE TABLE record (
	record_id TEXT NOT NULL CHECK (record_id <> ''), 
	record_hash TEXT NOT NULL, 
	procedure TEXT NOT NULL, 
	procedure_version TEXT NOT NULL, 
	title TEXT NOT NULL, 
	machine TEXT NOT NULL, 
	phantom TEXT NOT NULL, 
	performer TEXT NOT NULL, 
	protocol TEXT NOT NULL, 
	protocol_title TEXT NOT NULL, 
	coverage_factor DOUBLE NOT NULL, 
	acquired TEXT, 
	analysed TEXT NOT NULL, 
	versions TEXT NOT NULL, 
	procedure_title TEXT NOT NULL, 
	notes TEXT NOT NULL, 
	PRIMARY KEY (record_id)
)
 WITHOUT ROWID

;
INSERT INTO "record" VALUES('6f9619ff-8b86-4d01-b42d-00cf4fc964ff','814041f3672549b430c52fbdd6d3f99778f3a35b48c422dedff5098d7288cc57','winston_lutz','1','MV, LINAC-B','LINAC-B','ball 7','Zoë','own','Our own',2.0,'2024-02-29T07:30:00.250000+00:00','2024-02-29T08:00:00.000000+00:00','[["igrtqa","0.1.0"],["numpy","2.1"]]','','["two images were left out"]');
INSERT INTO "record" VALUES('held','cae01372a5b7dee91beffaf89ff00e8c9a13c6267dbbaab8c071ec13443cbede','winston_lutz','1','MV, LINAC-B','LINAC-B','ball 7','Zoë','own','Our own',2.0,'2024-02-29T07:30:00.250000+00:00','2024-02-29T08:00:00.000000+00:00','[["igrtqa","0.1.0"],["numpy","2.1"]]','','["two images were left out"]');
CREATE TABLE schema_version (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
)
 WITHOUT ROWID

;
INSERT INTO "schema_version" VALUES(4);
CREATE INDEX record_of_machine ON record (machine, procedure);
CREATE TRIGGER record_no_update BEFORE UPDATE ON record BEGIN SELECT RAISE(ABORT, 'records are append-only: store a new record instead'); END;
CREATE TRIGGER record_no_delete BEFORE DELETE ON record BEGIN SELECT RAISE(ABORT, 'records are append-only: store a new record instead'); END;
CREATE TRIGGER record_closed BEFORE INSERT ON record WHEN EXISTS (SELECT 1 FROM record WHERE record_id = NEW.record_id) BEGIN SELECT RAISE(ABORT, 'this record is closed: store a new record instead'); END;
CREATE TRIGGER schema_version_no_update BEFORE UPDATE ON schema_version BEGIN SELECT RAISE(ABORT, 'records are append-only: store a new record instead'); END;
CREATE TRIGGER schema_version_no_delete BEFORE DELETE ON schema_version BEGIN SELECT RAISE(ABORT, 'records are append-only: store a new record instead'); END;
CREATE TRIGGER schema_version_closed BEFORE INSERT ON schema_version WHEN EXISTS (SELECT 1 FROM schema_version WHERE version = NEW.version) BEGIN SELECT RAISE(ABORT, 'this record is closed: store a new record instead'); END;
CREATE TRIGGER acceptance_no_update BEFORE UPDATE ON acceptance BEGIN SELECT RAISE(ABORT, 'records are append-only: store a new record instead'); END;
CREATE TRIGGER acceptance_no_delete BEFORE DELETE ON acceptance BEGIN SELECT RAISE(ABORT, 'records are append-only: store a new record instead'); END;
CREATE TRIGGER acceptance_closed BEFORE INSERT ON acceptance WHEN EXISTS (SELECT 1 FROM acceptance WHERE record_id = NEW.record_id AND idx = NEW.idx) BEGIN SELECT RAISE(ABORT, 'this record is closed: store a new record instead'); END;
CREATE TRIGGER baseline_no_update BEFORE UPDATE ON baseline BEGIN SELECT RAISE(ABORT, 'records are append-only: store a new record instead'); END;
CREATE TRIGGER baseline_no_delete BEFORE DELETE ON baseline BEGIN SELECT RAISE(ABORT, 'records are append-only: store a new record instead'); END;
CREATE TRIGGER baseline_closed BEFORE INSERT ON baseline WHEN EXISTS (SELECT 1 FROM record WHERE record_id = NEW.record_id) BEGIN SELECT RAISE(ABORT, 'this record is closed: store a new record instead'); END;
CREATE TRIGGER comparison_no_update BEFORE UPDATE ON comparison BEGIN SELECT RAISE(ABORT, 'records are append-only: store a new record instead'); END;
CREATE TRIGGER comparison_no_delete BEFORE DELETE ON comparison BEGIN SELECT RAISE(ABORT, 'records are append-only: store a new record instead'); END;
CREATE TRIGGER comparison_closed BEFORE INSERT ON comparison WHEN EXISTS (SELECT 1 FROM record WHERE record_id = NEW.record_id) BEGIN SELECT RAISE(ABORT, 'this record is closed: store a new record instead'); END;
CREATE TRIGGER evidence_no_update BEFORE UPDATE ON evidence BEGIN SELECT RAISE(ABORT, 'records are append-only: store a new record instead'); END;
CREATE TRIGGER evidence_no_delete BEFORE DELETE ON evidence BEGIN SELECT RAISE(ABORT, 'records are append-only: store a new record instead'); END;
CREATE TRIGGER evidence_closed BEFORE INSERT ON evidence WHEN EXISTS (SELECT 1 FROM record WHERE record_id = NEW.record_id) BEGIN SELECT RAISE(ABORT, 'this record is closed: store a new record instead'); END;
CREATE TRIGGER input_no_update BEFORE UPDATE ON input BEGIN SELECT RAISE(ABORT, 'records are append-only: store a new record instead'); END;
CREATE TRIGGER input_no_delete BEFORE DELETE ON input BEGIN SELECT RAISE(ABORT, 'records are append-only: store a new record instead'); END;
CREATE TRIGGER input_closed BEFORE INSERT ON input WHEN EXISTS (SELECT 1 FROM record WHERE record_id = NEW.record_id) BEGIN SELECT RAISE(ABORT, 'this record is closed: store a new record instead'); END;
CREATE TRIGGER judgement_no_update BEFORE UPDATE ON judgement BEGIN SELECT RAISE(ABORT, 'records are append-only: store a new record instead'); END;
CREATE TRIGGER judgement_no_delete BEFORE DELETE ON judgement BEGIN SELECT RAISE(ABORT, 'records are append-only: store a new record instead'); END;
CREATE TRIGGER judgement_closed BEFORE INSERT ON judgement WHEN EXISTS (SELECT 1 FROM record WHERE record_id = NEW.record_id) BEGIN SELECT RAISE(ABORT, 'this record is closed: store a new record instead'); END;
CREATE TRIGGER reading_no_update BEFORE UPDATE ON reading BEGIN SELECT RAISE(ABORT, 'records are append-only: store a new record instead'); END;
CREATE TRIGGER reading_no_delete BEFORE DELETE ON reading BEGIN SELECT RAISE(ABORT, 'records are append-only: store a new record instead'); END;
CREATE TRIGGER reading_closed BEFORE INSERT ON reading WHEN EXISTS (SELECT 1 FROM record WHERE record_id = NEW.record_id) BEGIN SELECT RAISE(ABORT, 'this record is closed: store a new record instead'); END;
COMMIT;
