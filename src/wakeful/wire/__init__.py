"""AWS's protocols, compiled from botocore's models. Knows no service's code, only what its requests look like.

    catalogue = Catalogue(["lambda", "s3", "sqs"])
    target    = catalogue.identify(http)                            # operation, protocol, labels; or an error to answer
    claim     = credential.parse(http)                              # who says it signed; None for nobody
    signature.verify(http, claim, secret_key, now, service=…)       # raises AwsError unless that is true and timely
    http.stream = chunked.Body(http, pieces, claim, secret_key)     # frees a body of framing and checks it as it passes
    request   = codec.read(target, http)                            # AWS's member names; raises AwsError
    checks.check(target, request)                                   # raises the service's own validation error
    response  = codec.write(target, value, request_id, http)
    response  = codec.error(target, error, request_id, http)

    detect ── which operation?            credential ── who says it signed?   signature ── is that so?
       │ routes (paths of REST)              chunked, checksums ── is the body what was promised?
       ▼
    target ── codec ─┬─ json_codec        json 1.0 and 1.1; cbor_codec: the same in CBOR, as Kinesis takes it
                     ├─ query_codec       forms in, XML out; sqs_query: the names of SQS's older protocol
                     ├─ rest              path, query, headers and body, the body by
                     │    ├─ json_codec      rest-json
                     │    └─ xml_codec       rest-xml; s3_xml: what S3's model does not say
                     ├─ faults            errors in each protocol's envelope; dialects: what each service calls them
                     ├─ compression       bodies that came compressed
                     └─ checks            lengths, ranges, patterns and enums, in each service's own words

Above the wire, blobs are bytes, points in time are seconds since 1970 (int or float, like `tx.now`), a body that may be
large is an async iterator of bytes, and what was not said is missing: there is no None in a request. A token that makes
a request idempotent is only there if the client sent one. In answers None means missing, too.
"""
