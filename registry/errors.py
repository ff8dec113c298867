"""Every error the registry raises, in one tree.

RegistryError
  NotFoundError           a model, a version or a file is not here
  ManifestError           a manifest.json is not a manifest
  DigestMismatchError     bytes are not what their digest says; the message names the file
  SignatureError          a manifest is not signed by the key that is trusted
  AlreadyPublishedError   this version exists with other content
  NoSpaceError            the disk is full
"""


class RegistryError(Exception):
    """Base of all registry errors."""


class NotFoundError(RegistryError):
    """A model, a version or a file does not exist."""


class ManifestError(RegistryError):
    """A manifest cannot be read or contradicts itself."""


class DigestMismatchError(RegistryError):
    """The bytes on disk are not what the manifest promises."""


class SignatureError(RegistryError):
    """A manifest is not signed by the key that is trusted, or a key cannot be used."""


class AlreadyPublishedError(RegistryError):
    """The same model and version were published before, with other content."""


class NoSpaceError(RegistryError):
    """The store's disk has no room for an artifact; what was there is untouched."""
