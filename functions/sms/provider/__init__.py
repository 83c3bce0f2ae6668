"""The provider of texts as the platform sees it: its account there, and whether it is to be called."""
