"""Tokens, keys and the rotation rule. Imports no Django.

Read it in this order: ``claims``, ``encoding``, ``keys.keyring``, ``tokens``, ``rotation``,
``binding``.
"""
