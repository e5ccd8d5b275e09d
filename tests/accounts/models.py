"""A user model that differs from Django's in what projects change most."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class Person(models.Model):
    """The first of the two tables of ``Member``."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    joined_at = models.DateTimeField(auto_now_add=True)


class MemberManager(BaseUserManager["Member"]):
    def create_user(self, email: str, password: str, **extra: object) -> Member:
        member = self.model(email=email, **extra)
        member.set_password(password)
        member.save(using=self._db)
        return member

    def create_superuser(self, email: str, password: str, **extra: object) -> Member:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)


class Member(Person, AbstractBaseUser, PermissionsMixin):
    """A UUID as key, an e-mail address as name, columns in two tables."""

    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)

    objects: ClassVar[MemberManager] = MemberManager()

    USERNAME_FIELD = "email"
