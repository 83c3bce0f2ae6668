"""What a tenant keeps besides its texts: contacts, groups, templates, opt-outs and sender IDs."""
