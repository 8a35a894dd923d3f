"""Extensions of Sphinx that only this site needs."""
