"""One file per QA test; the file name is the test name."""
