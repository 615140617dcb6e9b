"""Announces committed releases on their region's topic."""
