"""What the wallets of a run own, read from their state with liblmdb itself: so that it can be laid
beside the ledger of the stand-in."""
import collections
import ctypes
import glob
import json
import os

UNITS = 100000000  # of 1e-8, as amounts have at most
NOSUBDIR, RDONLY, NOLOCK = 0x4000, 0x20000, 0x400000
FIRST, NEXT = 0, 8
HEAD = 9  # client u64be, table u8

Money = collections.namedtuple("Money", "reserves coins intents records")


class Value(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("data", ctypes.c_void_p)]

    def bytes(self):
        return ctypes.string_at(self.data, self.size)


def checked(code):
    if code:
        raise OSError(f"lmdb: {code}")


def records(path):
    """(key, value) of everything in one shard."""
    lmdb = ctypes.CDLL("liblmdb.so.0")
    env, txn, cursor = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    dbi = ctypes.c_uint()
    checked(lmdb.mdb_env_create(ctypes.byref(env)))
    checked(lmdb.mdb_env_open(env, path.encode(), NOSUBDIR | RDONLY | NOLOCK, 0o600))
    checked(lmdb.mdb_txn_begin(env, None, RDONLY, ctypes.byref(txn)))
    checked(lmdb.mdb_dbi_open(txn, None, 0, ctypes.byref(dbi)))
    checked(lmdb.mdb_cursor_open(txn, dbi, ctypes.byref(cursor)))
    key, value, found = Value(), Value(), []
    while lmdb.mdb_cursor_get(cursor, ctypes.byref(key), ctypes.byref(value),
                              NEXT if found else FIRST) == 0:
        found.append((key.bytes(), value.bytes()))
    lmdb.mdb_cursor_close(cursor)
    lmdb.mdb_txn_abort(txn)
    lmdb.mdb_env_close(env)
    return found


def amount(record):
    """Value u64be, fraction u32be, in units."""
    return int.from_bytes(record[:8], "big") * UNITS + int.from_bytes(record[8:12], "big")


def units(text):
    """Of "EUR:1.5"."""
    whole, _, fraction = text.partition(":")[2].partition(".")
    return int(whole) * UNITS + int(fraction.ljust(8, "0"))


def of_wallets(out, scenario="wallets"):
    """The Money of all wallets of a run that has ended."""
    folder = os.path.join(out, "state", scenario)
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
        tables = json.load(file)["tables"]
    sums = collections.Counter()
    for path in glob.glob(os.path.join(folder, "shard-*.mdb")):
        for key, value in records(path):
            table = tables[key[HEAD - 1]]
            sums["records"] += 1
            if table == "reserves":  # created u64, seed 32, balance
                sums["reserves"] += amount(value[40:])
            elif table == "coins":  # created u64, denomination 64, left
                sums["coins"] += amount(value[72:])
            elif table == "intents":
                sums["intents"] += 1
    return Money(*(sums[name] for name in Money._fields))
