"""What is taken out, or told, of a person or a tenant: erasing, clearing, exporting."""
