# SPDX-License-Identifier: LGPL-2.1-or-later
"""Readers of headers and payloads, and the importer, against damaged packages; librpm judges.

A few hundred inputs here; `python -m tests.fuzz --minutes N` runs the same for as long as wanted.
"""

import hashlib
import os
from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layering.rpmtags import SignatureTag
from tests.fuzz.corpus import MEMBERS, samples
from tests.fuzz.mutations import DAMAGES, INDEX_DAMAGES, Damage, IndexDamage, damaged
from tests.fuzz.properties import check_header, check_package, on_disk
from tests.layering.rpmbytes import (
    REGION_OF_SIGNATURE,
    Member,
    Rpm,
    newc,
    stripped,
    structure,
    text,
)

# Of each kind; the command raises it.
EXAMPLES = "OVERLAY_FUZZ_EXAMPLES"

bounded = settings(
    max_examples=int(os.environ.get(EXAMPLES, "120")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
SAMPLES = st.deferred(lambda: st.sampled_from(sorted(samples())))


def signed(header: bytes) -> bytes:
    """Returns a signature that knows the header's digest, with its padding."""
    digest = text(hashlib.sha256(header).hexdigest().encode())
    signature = structure({SignatureTag.SHA256HEADER: digest}, REGION_OF_SIGNATURE)
    return signature + bytes(-len(signature) % 8)


@bounded
@given(name=SAMPLES, damages=DAMAGES)
def test_a_package_with_anything_damaged_is_read_as_librpm_reads_it(
    name: str, damages: Sequence[Damage]
) -> None:
    with on_disk(damaged(samples()[name].data, damages)) as path:
        check_package(path)


@bounded
@given(name=SAMPLES, damages=st.one_of(DAMAGES, INDEX_DAMAGES))
def test_a_damaged_header_with_the_digest_of_what_it_is_now(
    name: str, damages: Sequence[Damage | IndexDamage]
) -> None:
    sample = samples()[name]
    header = damaged(sample.header, damages)
    with on_disk(sample.lead + signed(header) + header + sample.payload) as path:
        check_package(path)


@bounded
@given(name=SAMPLES, damages=st.one_of(DAMAGES, INDEX_DAMAGES))
def test_a_damaged_signature(name: str, damages: Sequence[Damage | IndexDamage]) -> None:
    sample = samples()[name]
    data = sample.lead + damaged(sample.signature, damages) + sample.header + sample.payload
    with on_disk(data) as path:
        check_header(path)


@bounded
@given(name=SAMPLES, damages=DAMAGES)
def test_a_damaged_payload(name: str, damages: Sequence[Damage]) -> None:
    sample = samples()[name]
    data = sample.lead + sample.signature + sample.header + damaged(sample.payload, damages)
    with on_disk(data) as path:
        check_package(path)


@bounded
@given(first=SAMPLES, second=SAMPLES)
def test_the_header_of_one_package_before_the_payload_of_another(first: str, second: str) -> None:
    sample = samples()[first]
    data = sample.lead + sample.signature + sample.header + samples()[second].payload
    with on_disk(data) as path:
        check_package(path)


@bounded
@given(form=st.sampled_from([newc, stripped]), damages=DAMAGES)
def test_a_damaged_archive_with_the_digest_of_what_it_is_now(
    form: Callable[[Sequence[Member]], bytes], damages: Sequence[Damage]
) -> None:
    package = Rpm(members=MEMBERS, payload=damaged(form(MEMBERS), damages))
    with on_disk(package.prefix + package.stored_payload) as path:
        check_package(path)
