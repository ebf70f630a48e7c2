"""The promises of docs/architecture.md about who may know whom, walked through the source and tried in fresh interpreters."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("phantoms", "qa", "reports")
FORBIDDEN = {"phantoms": {"qa", "reports"}, "qa": {"reports"}, "reports": {"phantoms"}}
HEAVY = {"pylinac", "scipy", "matplotlib", "reportlab", "sqlalchemy", "alembic", "pandas", "skimage", "PIL", "pydicom"}
# the command line: they may hand a record to a report
FRONT = {
    *(f"qa/cli_{name}.py" for name in ("audit", "baseline", "cause", "clinic", "events", "exchange", "records", "rejudge", "verify")),
    "qa/shown.py",
    "qa/telling.py",
    "qa/keeping.py",
}
DICOM_FAMILY = {"qa/dataset.py", "qa/codec.py"}  # the module that knows the library, and what it decodes pixels with
SQL_FAMILY = {
    *(f"qa/{name}.py" for name in ("store", "tables", "rows", "database", "acceptance", "accepted_baselines", "audit_rows", "runs")),
    *(f"qa/{name}.py" for name in ("chain", "done", "events", "history", "imported", "signing", "standing", "verification", "as_stored")),
    *(f"qa/{name}.py" for name in ("audit_vouched", "store_opened", "store_records", "store_said", "store_asked", "store_checked")),
    *(f"qa/{name}.py" for name in ("done_limits", "same_readings")),
}
DRAWS = {"qa/rehearsal.py"}  # with the modules named *_rehearsal and *_demonstration: they may have phantoms drawn
PAGES = (
    "architecture",
    "adding_a_procedure",
    "for_therapists",
    "for_physicists",
    "json",
    "export",
    "records",
    "audit",
    "signatures",
    "physics/winston_lutz",
    "physics/imaging_isocenter",
    "physics/winston_lutz_multi",
    "physics/ball_features",
    "physics/starshot",
    "physics/hu_calibration",
    "physics/image_quality",
    "physics/cbct_quality",
    "physics/planar_quality",
    "physics/couch_translation",
    "physics/couch_readout",
    "physics/couch_rotation",
    "physics/couch_6dof",
    "physics/couch_sag",
    "physics/registration_accuracy",
    "physics/trend",
    "physics/baseline",
    "physics/cause",
)


@cache
def modules() -> dict[str, ast.Module]:
    """Every module by its place, parsed."""
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8")) for path in paths}


def below(*packages: str) -> dict[str, ast.Module]:
    return {place: tree for place, tree in modules().items() if place.startswith(tuple(f"{p}/" for p in packages))}


@cache
def imports(place: str) -> tuple[tuple[str, bool, bool], ...]:
    """(module, imported inside a function, for types only) of every import in a module."""
    return tuple(_imports(modules()[place]))


def _imports(node: ast.AST, inside: bool = False, typing: bool = False) -> Iterator[tuple[str, bool, bool]]:
    for child in ast.iter_child_nodes(node):
        within = inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for_types = typing or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test))
        if isinstance(child, ast.Import):
            yield from ((alias.name, within, for_types) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute, so that they can be followed"
            yield child.module or "", within, for_types
            yield from ((f"{child.module}.{alias.name}", within, for_types) for alias in child.names)
        yield from _imports(child, within, for_types)


def top(name: str) -> str:
    return name.split(".")[0]


def test_there_is_something_to_walk():
    assert {top(place.replace("/", ".")) for place in modules()} == set(PACKAGES)
    assert len(modules()) > 40


# Who may know whom


def test_imports_point_one_way():
    """phantoms <- qa <- reports; only the command line may show a report, inside the function that does."""
    wrong = []
    for place in modules():
        for name, inside, _ in imports(place):
            shown = place in FRONT and top(name) == "reports" and inside
            if top(name) in FORBIDDEN[place.split("/")[0]] and not shown:
                wrong.append(f"{place} imports {name}")
    assert wrong == []


def test_the_truth_is_drawn_only_where_something_is_rehearsed():
    """An analysis that could see the phantoms could see the truth; facts about phantoms that can be bought are for everybody."""
    wrong = []
    for place in below("qa"):
        if place in DRAWS or place.endswith(("_rehearsal.py", "_demonstration.py")):
            continue
        for name, inside, typing in imports(place):
            facts = name.startswith("phantoms.models")
            if top(name) == "phantoms" and not facts and not typing and not (inside and place.startswith("qa/procedures/")):
                wrong.append(f"{place} imports {name}")
    assert wrong == []


def test_only_the_dicom_family_knows_the_dicom_library():
    libraries = ("pydicom", "gdcm")
    found = {place for place in below("qa", "reports") for name, _, typing in imports(place) if top(name) in libraries and not typing}
    assert found <= DICOM_FAMILY


def test_pylinac_is_known_to_the_second_engine_alone():
    found = {place for place in modules() for name, _, _ in imports(place) if top(name) == "pylinac"}
    assert all(place.endswith("_engine.py") for place in found)


def test_heavy_libraries_are_loaded_by_the_function_that_needs_them():
    """Except where a module is all about one of them and is itself imported late: the store's family, and the DICOM library's."""
    wrong = [
        f"{place} imports {name}"
        for place in below("qa")
        if place not in SQL_FAMILY | DICOM_FAMILY
        for name, inside, typing in imports(place)
        if top(name) in HEAVY and not inside and not typing
    ]
    assert wrong == []


def test_procedures_do_not_know_each_other():
    assert [place for place in below("qa/procedures") for name, _, _ in imports(place) if name.startswith("qa.procedures")] == []


def test_reports_do_not_analyse():
    """A report reads records. It measures nothing: it knows no feature, no acquisition and no image file."""
    known = {name for place in below("reports") for name, _, typing in imports(place) if not typing}
    measures = re.compile(r"qa\.(features|dicom|frames|shots|shot_sets|isocentre|rotation|acquisition|procedures)\b")
    assert {name for name in known if measures.match(name)} == set()


# No second registry, no limits in Python


def procedure_names() -> list[str]:
    return sorted(path.stem for path in (ROOT / "qa" / "procedures").glob("*.py") if not path.stem.startswith("_"))


def texts(tree: ast.Module) -> Iterator[str]:
    """Every text in a module except docstrings, which may give examples."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    first = [node.body[0] for node in ast.walk(tree) if isinstance(node, kinds) and node.body]
    docstrings = {id(statement.value) for statement in first if isinstance(statement, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_no_second_registry():
    """No module names a procedure but its own and those whose names begin with its name: the directory is the registry."""
    wrong = []
    for place, tree in below("qa", "reports").items():
        said, imported = list(texts(tree)), [module for module, _, _ in imports(place)]
        for name in procedure_names():
            if place.startswith(("qa/procedures/", f"qa/{name}_")):
                continue
            wrong += [f"{place} says {text!r}" for text in said if text == name or f"qa.procedures.{name}" in text]
            wrong += [f"{place} imports {m}" for m in imported if m.startswith((f"qa.procedures.{name}", f"qa.{name}_"))]
    assert wrong == []


LIMITING = re.compile(r"_?[A-Z_]*(TOLERANCE|ACTION|LIMITS?)(_[A-Z]+)?")


def is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)


def test_no_limits_in_python():
    """Only the reader of protocol files makes limits, and no constant anywhere is called one."""
    makers, wrong = set(), []
    for place, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Limit":
                makers.add(place)
            if isinstance(node, ast.keyword) and node.arg in ("tolerance", "action") and isinstance(node.value, ast.Constant):
                wrong.append(f"{place}, line {node.value.lineno}: {ast.unparse(node)}")
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                named = [ast.unparse(target) for target in targets if any(map(is_number, ast.walk(node)))]
                wrong += [f"{place}, line {node.lineno}: {name}" for name in named if LIMITING.fullmatch(name)]
    assert makers <= {"qa/protocol.py", "qa/rows.py"}
    assert wrong == []


def test_every_limit_in_a_protocol_has_a_source():
    for path in (ROOT / "qa" / "protocols").glob("*.toml"):
        limits = tomllib.loads(path.read_text("utf-8"))["limit"]
        assert [limit["id"] for limit in limits if not limit["source"].strip()] == []


# Lightness


@pytest.mark.parametrize(
    "statement",
    [
        "import qa",
        "import qa.cli",
        "sys.argv = ['igrtqa', '--help']; from qa.cli import app; app()",
        "sys.argv = ['igrtqa', 'run', '--help']; from qa.cli import app; app()",
        "sys.argv = ['igrtqa', '--version']; from qa.cli import app; app()",
        "from qa import procedure; [procedure.load(name) for name in procedure.names()]",
    ],
)
def test_help_comes_at_once(statement):
    """Nothing heavy is loaded by importing the suite, by its help, or by knowing what it can measure."""
    code = f"import sys\ntry:\n    {statement}\nexcept SystemExit as stop:\n    assert not stop.code\nprint('loaded:', *sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.splitlines()[-1].split()
    assert loaded[0] == "loaded:"
    assert HEAVY & set(loaded) == set()


# Documentation


def test_every_module_says_what_it_is():
    assert [place for place, tree in modules().items() if not (ast.get_docstring(tree) or "").strip()] == []


@pytest.mark.parametrize("page", PAGES)
def test_files_that_the_documentation_names_exist(page):
    text = (ROOT / "docs" / f"{page}.md").read_text("utf-8")
    named = set(re.findall(r"`((?:qa|phantoms|reports|tests|bench|docs)/[\w/.-]+\.(?:py|md|toml))`", text))
    invented = {"qa/procedures/signal_constancy.py", "docs/physics/NAME.md"}  # the page's own example, and a placeholder
    assert {name for name in named - invented if not (ROOT / name).is_file()} == set()


def test_the_tree_in_the_architecture_is_the_tree():
    """Every module is in the tree of docs/architecture.md, and everything in that tree exists."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    (drawn,) = re.findall(r"^```text\n(qa/.*?)^```$", page, re.MULTILINE | re.DOTALL)
    folder, found = "", set()
    for line in drawn.splitlines():
        if heading := re.match(r"([a-z]+/(?:[a-z]+/)?)\s", line + " "):
            folder = heading[1]
        elif names := re.match(r"    ((?:[a-z0-9_]+\.py(?:, )?)+)", line):
            found |= {folder + name for name in names[1].split(", ") if name}
    assert found == {place for place in modules() if not place.endswith("__init__.py")}
