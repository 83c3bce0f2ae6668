"""Printing: the part of the slice that makes PDFs, with a library that nothing else of it carries."""
