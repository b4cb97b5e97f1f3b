"""S3's errors. A class has the name of the model's shape, or the code AWS answers where the model has no shape
("Error responses", Amazon S3 API Reference).
"""

from __future__ import annotations

from wakeful.wire.errors import AccessDenied, AwsError, BadDigest, InvalidArgument, InvalidRequest, MalformedXML

__all__ = ["AccessDenied", "BadDigest", "InvalidArgument", "InvalidRequest", "MalformedXML"]


# --- buckets ---------------------------------------------------------------------------------------------------------


class NoSuchBucket(AwsError):
    """The specified bucket does not exist"""


class BucketAlreadyExists(AwsError):
    """The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please
    select a different name and try again.
    """


class BucketAlreadyOwnedByYou(AwsError):
    """Your previous request to create the named bucket succeeded and you already own it."""


class BucketNotEmpty(AwsError):
    """The bucket you tried to delete is not empty"""

    status = 409


class InvalidBucketName(AwsError):
    """The specified bucket is not valid."""

    status = 400


class TooManyBuckets(AwsError):
    """You have attempted to create more buckets than allowed"""

    status = 400


class IllegalLocationConstraintException(AwsError):
    """The specified location constraint is incompatible for the region specific endpoint this request was sent to."""

    status = 400


class InvalidLocationConstraint(AwsError):
    """The specified location-constraint is not valid"""

    status = 400


class InvalidBucketOwnerAWSAccountID(AwsError):
    """The value of the expected bucket owner parameter must be an AWS Account ID"""

    status = 400


class InvalidBucketAclWithObjectOwnership(AwsError):
    """Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"""

    status = 400


class AccessControlListNotSupported(AwsError):
    """The bucket does not allow ACLs"""

    status = 400


# --- what a bucket may have, and has not -----------------------------------------------------------------------------


class NoSuchBucketPolicy(AwsError):
    """The bucket policy does not exist"""

    status = 404


class MalformedPolicy(AwsError):
    """Policies must be valid JSON and the first byte must be '{'"""

    status = 400


class NoSuchPublicAccessBlockConfiguration(AwsError):
    """The public access block configuration was not found"""

    status = 404


class NoSuchTagSet(AwsError):
    """The TagSet does not exist"""

    status = 404


class NoSuchCORSConfiguration(AwsError):
    """The CORS configuration does not exist"""

    status = 404


class NoSuchLifecycleConfiguration(AwsError):
    """The lifecycle configuration does not exist"""

    status = 404


class NoSuchWebsiteConfiguration(AwsError):
    """The specified bucket does not have a website configuration"""

    status = 404


class ReplicationConfigurationNotFoundError(AwsError):
    """The replication configuration was not found"""

    status = 404


class ObjectLockConfigurationNotFoundError(AwsError):
    """Object Lock configuration does not exist for this bucket"""

    status = 404


class MetadataConfigurationNotFound(AwsError):
    """The metadata configuration was not found"""

    status = 404


class NoSuchConfiguration(AwsError):
    """The specified configuration does not exist."""

    status = 404


# --- objects ---------------------------------------------------------------------------------------------------------


class NoSuchKey(AwsError):
    """The specified key does not exist."""


class NoSuchVersion(AwsError):
    """The specified version does not exist."""

    status = 404


class KeyTooLongError(AwsError):
    """Your key is too long"""

    status = 400


class EntityTooLarge(AwsError):
    """Your proposed upload exceeds the maximum allowed size"""

    status = 400


class MetadataTooLarge(AwsError):
    """Your metadata headers exceed the maximum allowed metadata size"""

    status = 400


class InvalidStorageClass(AwsError):
    """The storage class you specified is not valid"""

    status = 400


class InvalidRedirectLocation(AwsError):
    """The website redirect location must have a prefix of 'http://' or 'https://' or '/'."""

    status = 400


class BadRequest(AwsError):
    """Object tags cannot be greater than 10"""

    status = 400


class InvalidTag(AwsError):
    """The tag provided was not a valid tag."""

    status = 400


class InvalidRange(AwsError):
    """The requested range is not satisfiable"""

    status = 416


class InvalidPartNumber(AwsError):
    """The requested partnumber is not satisfiable"""

    status = 416


# --- conditions ------------------------------------------------------------------------------------------------------


class PreconditionFailed(AwsError):
    """At least one of the pre-conditions you specified did not hold"""

    status = 412


class NotModified(AwsError):
    """Not Modified"""

    status = 304


class ConditionalRequestConflict(AwsError):
    """The conditional request cannot succeed due to a conflicting operation against this resource."""

    status = 409


class HeaderNotImplemented(AwsError):
    """A header you provided implies functionality that is not implemented"""

    code = "NotImplemented"
    status = 501  # S3 itself answers this one


# --- multipart uploads -----------------------------------------------------------------------------------------------


class NoSuchUpload(AwsError):
    """The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or
    completed.
    """


class InvalidPart(AwsError):
    """One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified
    entity tag may not match the part's entity tag.
    """

    status = 400


class InvalidPartOrder(AwsError):
    """The list of parts was not in ascending order. Parts must be ordered by part number."""

    status = 400


class EntityTooSmall(AwsError):
    """Your proposed upload is smaller than the minimum allowed size"""

    status = 400
