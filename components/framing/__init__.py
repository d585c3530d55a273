"""Framing: messages out of a stream of bytes, and back.

    from kamesh.components.framing import JoinJSON, SplitJSON

Split... takes messages out of bytes, Join... makes bytes of messages, and each pair fits together.
Each has a core of the same name (LineSplitter, JSONJoiner) that does the work without any component,
fed by hand: see Incremental.

Law: what comes out is the same however the bytes were cut on their way.
"""

from kamesh.components.framing.base64s import (
    Base64Decoder,
    Base64Encoder,
    DecodeBase64,
    EncodeBase64,
)
from kamesh.components.framing.chunker import Chunker, DataChunker, DataDeChunker, DeChunker
from kamesh.components.framing.ciphering import Decryptor, Encryptor, WrongKey
from kamesh.components.framing.compressing import Compressor, Decompressor
from kamesh.components.framing.compression import Compress, Decompress
from kamesh.components.framing.delimiters import (
    DelimiterJoiner,
    DelimiterSplitter,
    JoinDelimited,
    SplitDelimited,
)
from kamesh.components.framing.digests import Digest, Digester
from kamesh.components.framing.encryption import Decrypt, Encrypt
from kamesh.components.framing.incremental import (
    BadFrame,
    CutShort,
    FrameTooLong,
    FramingError,
    Incremental,
)
from kamesh.components.framing.jsonlines import JoinJSON, JSONJoiner, JSONSplitter, SplitJSON
from kamesh.components.framing.lines import (
    JoinLines,
    LineSplitter,
    LineTooLong,
    NotText,
    SplitLines,
    UnknownEncoding,
)
from kamesh.components.framing.messagepack import (
    JoinMessagePack,
    MessagePackJoiner,
    MessagePackSplitter,
    SplitMessagePack,
)
from kamesh.components.framing.messages import (
    BytesToMessages,
    MessageSplitter,
    MessagesToBytes,
    frame_messages,
)
from kamesh.components.framing.netstrings import (
    JoinNetstrings,
    NetstringJoiner,
    NetstringSplitter,
    SplitNetstrings,
)
from kamesh.components.framing.prefixes import (
    JoinPrefixed,
    PrefixJoiner,
    PrefixSplitter,
    SplitPrefixed,
)
from kamesh.components.framing.records import (
    JoinRecords,
    Rechunk,
    Rechunker,
    RecordJoiner,
    RecordSplitter,
    SplitRecords,
)
from kamesh.components.refusing import NotBytes

__all__ = [
    "BadFrame",
    "Base64Decoder",
    "Base64Encoder",
    "BytesToMessages",
    "Chunker",
    "Compress",
    "Compressor",
    "CutShort",
    "DataChunker",
    "DataDeChunker",
    "DeChunker",
    "DecodeBase64",
    "Decompress",
    "Decompressor",
    "Decrypt",
    "Decryptor",
    "DelimiterJoiner",
    "DelimiterSplitter",
    "Digest",
    "Digester",
    "EncodeBase64",
    "Encrypt",
    "Encryptor",
    "FrameTooLong",
    "FramingError",
    "Incremental",
    "JSONJoiner",
    "JSONSplitter",
    "JoinDelimited",
    "JoinJSON",
    "JoinLines",
    "JoinMessagePack",
    "JoinNetstrings",
    "JoinPrefixed",
    "JoinRecords",
    "LineSplitter",
    "LineTooLong",
    "MessagePackJoiner",
    "MessagePackSplitter",
    "MessageSplitter",
    "MessagesToBytes",
    "NetstringJoiner",
    "NetstringSplitter",
    "NotBytes",
    "NotText",
    "PrefixJoiner",
    "PrefixSplitter",
    "Rechunk",
    "Rechunker",
    "RecordJoiner",
    "RecordSplitter",
    "SplitDelimited",
    "SplitJSON",
    "SplitLines",
    "SplitMessagePack",
    "SplitNetstrings",
    "SplitPrefixed",
    "SplitRecords",
    "UnknownEncoding",
    "WrongKey",
    "frame_messages",
]
