"""What other packages do with a session, beside this one: measured over HTTP, for the README.

In an environment of its own, and with PostgreSQL on 127.0.0.1:

    pip install . 'psycopg[binary]' djangorestframework-simplejwt==5.5.1 dj-rest-auth==7.2.0 \
        'django-allauth[headless]==65.21.1' django-rest-knox==5.1.0
    python -m benchmarks.others

Each package is set up as its own documents say, and what it has for safety is on, also where that
is not its default: rotation, the blacklist and the check of passwords of simplejwt, which issues
the tokens of dj-rest-auth too; rotation and stateful validation of allauth.
"""

from __future__ import annotations
