"""The questions a person is asked: what a double-click shows. The only importer of questionary."""
