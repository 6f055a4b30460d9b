"""Upgrades from the previous release."""
