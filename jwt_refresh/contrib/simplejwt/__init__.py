"""The move from djangorestframework-simplejwt, without which it runs.

Its tokens that clients hold are taken until they end, and its URLs and shapes are served, so that
neither users nor front ends notice. ``docs/moving-in.md`` is the guide.
"""
