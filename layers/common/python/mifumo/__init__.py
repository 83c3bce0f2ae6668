"""The house that every door stands on: errors, values and the nouns that more than one slice needs."""
