"""The move from simplejwt, knox, dj-rest-auth and REST framework's tokens: what becomes of each.

It imports none of them: what they know and do is written down in tables.
"""
