"""AWS's protocols, compiled from botocore's models. Knows no service's code, only what its requests look like.

    catalogue = Catalogue(["lambda", "s3", "sqs"])
    target    = catalogue.identify(http)                           # operation, protocol, labels; or the error to answer
    request   = codec.read(target, http)                           # AWS's member names; raises AwsError
    checks.check(target, request)                                  # raises the service's own validation error
    response  = codec.write(target, value, request_id, http)
    response  = codec.error(target, error, request_id, http)

    detect ── which operation?          credential ── who says it signed?
       │ routes (REST paths)
       ▼
    target ── codec ─┬─ json_codec      json 1.0, 1.1
                     ├─ query_codec     forms in, XML out     faults ── errors in each protocol's envelope
                     ├─ rest            path, query, headers, body  dialects ── what each service calls them
                     │    ├─ json_codec      rest-json
                     │    └─ xml_codec       rest-xml
                     └─ sqs_query       the names of SQS's older protocol
    checks ── lengths, ranges, patterns, enums, in each service's own words

Above the wire, blobs are bytes, points in time are seconds since 1970 (int or float, like `tx.now`), a body that may be
large is an async iterator of bytes, and what was not said is missing: there is no None in a request.
"""
