"""Views of a stored record: they read the store, never the images, and know no test by name."""
