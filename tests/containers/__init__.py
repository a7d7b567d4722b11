"""The steps of the container files, carried out in roots of their own."""
