-- @HEADER@

-- Tables -------------------------------------------------------------------------------------------------------------

-- @TABLES@

-- Fixed part ---------------------------------------------------------------------------------------------------------
-- Requirement numbers (RTTP-3.2) are those of the project's docs/PROTOCOL.md. Runs on Lua 5.2 (Wireshark 4.0, 4.2) and
-- 5.4 (from 4.4 on), so it uses neither a bit library nor integer operators.

local proto = Proto("rttp", "RTTP pulse")
local fields, experts = {}, {}

local CUT = "cut"
local MAGIC = "RTTP"
local LONGEST_HEADER = 0
local by_name = {}

local function register(abbreviation, make, ...)
  if not fields[abbreviation] then
    fields[abbreviation] = make(abbreviation, ...)
  end
  return fields[abbreviation]
end

local UINTS = { [1] = ProtoField.uint8, [2] = ProtoField.uint16, [4] = ProtoField.uint32, [8] = ProtoField.uint64 }

-- Both byte orders of a dialect share their fields.
local function register_row(dialect, row)
  local name = dialect.prefix .. "." .. row.name
  if row.type == "text" then
    row.field = register(name, ProtoField.string, row.name, base.ASCII, row.doc)
  elseif row.type == "bytes" then
    row.field = register(name, ProtoField.bytes, row.name, base.NONE, row.doc)
  elseif not UINTS[row.size] then
    row.field = register(name, ProtoField.bytes, row.name, base.NONE, row.doc)
    row.decimal = register(name .. ".decimal", ProtoField.string, row.name .. " (decimal)", base.ASCII, row.doc)
  else
    local names = row.rule == "one-of" and row.names or nil
    row.field = register(name, UINTS[row.size], row.name, row.hex and base.HEX or base.DEC, names, nil, row.doc)
  end
  if row.rule == "bits" then
    local top, rest = 2 ^ (8 * row.size - 1), 2 ^ (8 * row.size) - 1
    row.bits = {}
    while top >= 1 do
      local bit = math.floor(top)
      if row.names[bit] then
        local abbreviation = name .. "." .. row.names[bit]:lower()
        local field = register(abbreviation, ProtoField.bool, row.names[bit], 8 * row.size, nil, bit)
        row.bits[#row.bits + 1] = { name = row.names[bit], value = bit, field = field }
        row.bits[row.names[bit]] = bit
        rest = rest - bit
      end
      top = top / 2
    end
    local mask = math.floor(rest)
    row.unknown = register(name .. ".unknown", UINTS[row.size], "unknown bits", base.HEX, nil, mask, "must be zero")
  end
end

for _, dialect in ipairs(DIALECTS) do
  by_name[dialect.name .. " " .. dialect.order] = dialect
  LONGEST_HEADER = math.max(LONGEST_HEADER, dialect.fixed)
  dialect.row = {}
  for _, row in ipairs(dialect.rows) do
    register_row(dialect, row)
    dialect.row[row.name] = row
    LONGEST_HEADER = math.max(LONGEST_HEADER, row.at + row.size)
  end
end

local RTTP1, RFC64, PULSE128 = by_name["rttp1 big"], by_name["rfc64 big"], by_name["pulse128 big"]
local GUESSES = { by_name["struct74 big"], by_name["struct74 little"] }

local f_dialect = register("rttp.dialect", ProtoField.string, "dialect", base.ASCII, "layout of the datagram")
local f_order = register("rttp.byte_order", ProtoField.string, "byte order", base.ASCII, "of the header's integers")
local f_ground = register("rttp.ground", ProtoField.string, "ground", base.ASCII,
  "why this dialect: asked, magic, rules, guess, or default when nothing fits (RTTP-1.6)")
local f_time = register("rttp.time", ProtoField.absolute_time, "time", base.UTC, "timestamp_ns as a date")
local f_message = register("rttp.message_id", ProtoField.uint32, "message id", base.DEC, nil, nil,
  "seq_id - fragment_index modulo 2^32 (RTTP-2.3)")
local f_repair = register("rttp.repair", ProtoField.bool, "repair symbol", base.NONE, nil, nil,
  "fragment_index is not below fragment_count (RTTP-4.3)")
local f_payload = register("rttp.payload", ProtoField.bytes, "payload", base.NONE, "between header and tag")
local f_payload_length = register("rttp.payload_length", ProtoField.uint32, "payload length", base.DEC, nil, nil,
  "bytes, those that were not captured included")
local f_tag = register("rttp.tag", ProtoField.bytes, "tag", base.NONE, "AEAD tag of a sealed pulse (RTTP-1.5)")
local f_reject = register("rttp.reject", ProtoField.string, "reject", base.ASCII, "first broken rule (RTTP-3.1)")
local f_reject_offset = register("rttp.reject_offset", ProtoField.uint32, "reject offset", base.DEC, nil, nil,
  "where that shows, bytes from the start of the datagram")

local meanings = {}
for _, slug in ipairs(SLUGS) do
  meanings[slug.name] = slug.meaning
  experts[slug.name] = ProtoExpert.new("rttp.reject." .. slug.name, slug.name .. ": " .. slug.meaning,
    expert.group.MALFORMED, expert.severity.ERROR)
end
experts.guess = ProtoExpert.new("rttp.guess", "The dialect is a guess", expert.group.PROTOCOL, expert.severity.NOTE)
experts.cut = ProtoExpert.new("rttp.cut", "Not judged: the bytes that it takes were not captured",
  expert.group.PROTOCOL, expert.severity.NOTE)

proto.fields = fields
proto.experts = experts

-- Reading. A datagram is `bytes`, the start of what was captured, and `length`, what was sent. ------------------------

-- The row's number, nil when its bytes are not there. Above 2^53 it is near, which no rule minds.
local function uint(bytes, row, order)
  local first, last, step = row.at + 1, row.at + row.size, 1
  if #bytes < last then
    return nil
  end
  if order == "little" then
    first, last, step = last, first, -1
  end
  local number = 0.0 -- not an integer, which would wrap at 2^64
  for i = first, last, step do
    number = number * 256 + bytes:byte(i)
  end
  return math.floor(number)
end

local function has(number, bit)
  return math.floor(number / bit) % 2 == 1
end

-- Whether the row is on the wire: always, or with its flag.
local function present(dialect, row, flags)
  return not row.flag or has(flags, dialect.row.flags.bits[row.flag])
end

local function flags_of(dialect, bytes)
  return dialect.row.flags and uint(bytes, dialect.row.flags, dialect.order) or 0
end

-- Digits of a big-endian number of any width.
local function decimal(bytes)
  local limbs = { 0 }
  for i = 1, #bytes do
    local carry = bytes:byte(i)
    for k = 1, #limbs do
      local n = limbs[k] * 256 + carry
      carry = math.floor(n / 10000000)
      limbs[k] = n - carry * 10000000
    end
    if carry > 0 then
      limbs[#limbs + 1] = carry
    end
  end
  local text = { string.format("%d", limbs[#limbs]) }
  for k = #limbs - 1, 1, -1 do
    text[#text + 1] = string.format("%07d", limbs[k])
  end
  return table.concat(text)
end

-- The row's text without its padding; what is not printable is shown as hex.
local function text_of(bytes, row)
  local raw = bytes:sub(row.at + 1, row.at + row.size):gsub("\0+$", "")
  return (raw:gsub("[^\32-\126]", function(c) return string.format("<%02x>", c:byte()) end))
end

-- Clock between 2001 and 2096: from 10^18 to below 4 * 10^18 ns.
local LOW, HIGH = UInt64(0xa7640000, 0x0de0b6b3), UInt64(0x9d900000, 0x3782dace)

local function plausible(clock)
  return clock >= LOW and clock < HIGH
end

-- The row `timestamp_ns` of 8 bytes, or the low half of its 16.
local function clock_of(tvb, dialect, bytes)
  local row = dialect.row.timestamp_ns
  if not row or #bytes < row.at + row.size then
    return nil
  end
  if row.size == 8 then
    local range = tvb(row.at, 8)
    return dialect.order == "little" and range:le_uint64() or range:uint64()
  end
  local zeros = bytes:sub(row.at + 1, row.at + row.size - 8):find("^\0*$")
  return zeros and tvb(row.at + row.size - 8, 8):uint64() or nil
end

-- Judging (RTTP-3.2): nil for a good pulse, the slug of the first broken rule and its offset, or CUT. -----------------

local BREACHES = {
  ["exactly"] = function(row, value) return value ~= row.bound end,
  ["at-most"] = function(row, value) return value > row.bound end,
  ["non-zero"] = function(_, value) return value == 0 end,
  ["one-of"] = function(row, value) return row.names[value] == nil end,
  ["bits"] = function(row, value)
    for _, bit in ipairs(row.bits) do
      if has(value, bit.value) then
        value = value - bit.value
      end
    end
    return value ~= 0
  end,
}

local function first_nonzero(bytes, from, to)
  local found = bytes:sub(1, to):find("[^\0]", from + 1)
  return found and found - 1
end

-- Rules over several rows, by dialect.
local CHECKS = {}

function CHECKS.rttp1(bytes, length)
  local row = RTTP1.row
  local flags, count = uint(bytes, row.flags, "big"), uint(bytes, row.fragment_count, "big")
  local header, repair = RTTP1.fixed, 0
  if has(flags, row.flags.bits.FEC) then
    header = row.reserved.at + row.reserved.size
    if length < header then
      return "truncated", length
    end
    local scheme = uint(bytes, row.fec_scheme, "big")
    repair = uint(bytes, row.fec_repair, "big")
    if not scheme or not repair then
      return CUT
    end
    if BREACHES[row.fec_scheme.rule](row.fec_scheme, scheme) then
      return "fec-inconsistent", row.fec_scheme.at
    end
    if repair == 0 or count + repair > 65535 then
      return "fec-inconsistent", row.fec_repair.at
    end
  end
  if uint(bytes, row.fragment_index, "big") >= count + repair then
    return "fragment-range", row.fragment_index.at
  end
  if length < header + (has(flags, row.flags.bits.SEALED) and TAG or 0) then
    return "truncated", length
  end
  if length > MAX_DATAGRAM then
    return "oversized", MAX_DATAGRAM
  end
end

-- The Internet checksum (RFC 1071) of the header with the field itself counted as zero (RTTP-1.8).
function CHECKS.rfc64(bytes)
  local row = RFC64.row.checksum
  local sum = -uint(bytes, row, "big")
  for i = 1, RFC64.fixed, 2 do
    sum = sum + bytes:byte(i) * 256 + bytes:byte(i + 1)
  end
  while sum > 65535 do
    sum = sum % 65536 + math.floor(sum / 65536)
  end
  if uint(bytes, row, "big") ~= 65535 - sum then
    return "bad-checksum", row.at
  end
end

-- The block from 102 on (RTTP-1.9).
function CHECKS.pulse128(bytes)
  local row = PULSE128.row
  if uint(bytes, row.spec_rev, "big") == 0 then
    local found = first_nonzero(bytes, row.flags.at, PULSE128.fixed)
    if found then
      return "bad-block", found
    end
  end
  local size, at = uint(bytes, row.action_len, "big"), row.action.at
  local action = bytes:sub(at + 1, at + size)
  if size > 0 and (action:find("[^abcdefghijklmnopqrstuvwxyz0-9-]") or action:find("^-") or action:find("-$")) then
    return "bad-block", at
  end
  local found = first_nonzero(bytes, at + size, PULSE128.fixed)
  if found then
    return "bad-block", found
  end
end

local function judge(dialect, bytes, length)
  if length < dialect.fixed then
    return "truncated", length
  end
  for _, row in ipairs(dialect.rows) do
    -- The rows of an optional tail are judged by the dialect's check.
    local breach = not row.flag and BREACHES[row.rule]
    if breach then
      local value = uint(bytes, row, dialect.order)
      if not value then
        return CUT
      elseif breach(row, value) then
        return row.slug, row.at
      end
    end
  end
  local check = CHECKS[dialect.name]
  if not check then
    return nil
  elseif #bytes < dialect.fixed then
    return CUT
  end
  return check(bytes, length)
end

-- Of struct74 in both byte orders the one that makes sense, of two the one with fewer fragments.
local function guess(tvb, bytes, length)
  local best, fewest
  for _, dialect in ipairs(GUESSES) do
    local count = uint(bytes, dialect.row.fragment_count, dialect.order)
    local index = uint(bytes, dialect.row.fragment_index, dialect.order)
    if index and length <= MAX_DATAGRAM and not judge(dialect, bytes, length) and index < count
        and plausible(clock_of(tvb, dialect, bytes)) and (not best or count < fewest) then
      best, fewest = dialect, count
    end
  end
  return best
end

-- Dialect and ground (RTTP-1.6), then the verdict of that dialect; for a guess also what rttp1 says.
local function choose(tvb, bytes, length, asked, strict)
  if asked then
    return asked, "asked", judge(asked, bytes, length)
  end
  if bytes:sub(1, #MAGIC) == MAGIC then
    local dialect = bytes:sub(5, 6) == "\0\0" and PULSE128 or RFC64
    return dialect, "magic", judge(dialect, bytes, length)
  end
  local slug, offset = judge(RTTP1, bytes, length)
  if not slug then
    return RTTP1, "rules"
  end
  local guessed = slug ~= CUT and not strict and guess(tvb, bytes, length)
  if guessed then
    return guessed, "guess", nil, nil, string.format("as rttp1 it is refused: %s at offset %d", slug, offset)
  end
  return RTTP1, "default", slug, offset
end

-- Showing ------------------------------------------------------------------------------------------------------------

-- What the Info column tells of a dialect, with a label for what is no name of a value.
local TOLD = {
  rttp1 = { { "kind" }, { "seq_id", "seq" }, { "priority", "prio" } },
  struct74 = { { "type", "type" }, { "seq_id", "seq" }, { "priority", "prio" } },
  rfc64 = { { "bid", "bid" }, { "priority", "prio" }, { "ttl", "ttl" } },
  pulse128 = { { "sequence", "seq" }, { "priority", "prio" }, { "ttl", "ttl" }, { "action", "action" } },
}

local function told(dialect, row, bytes)
  if row.type == "text" then
    return text_of(bytes, row)
  elseif row.size > 4 then
    return decimal(bytes:sub(row.at + 1, row.at + row.size))
  end
  local value = uint(bytes, row, dialect.order)
  if row.rule == "one-of" then
    return row.names[value] or string.format("%s %d", row.name, value)
  end
  return string.format(row.hex and "0x%x" or "%d", value)
end

local function fragment_of(dialect, bytes, flags)
  local row = dialect.row
  local index = row.fragment_index and uint(bytes, row.fragment_index, dialect.order)
  local count = index and uint(bytes, row.fragment_count, dialect.order)
  if not index or (index == 0 and count == 1) then
    return nil
  end
  local repair = row.fec_repair and present(dialect, row.fec_repair, flags) and uint(bytes, row.fec_repair, "big")
  if repair and index >= count then
    return string.format("frag %d/%d+%d repair", index, count, repair)
  end
  return string.format("frag %d/%d", index, count)
end

-- As in `DATA seq=7 prio=128 frag 2/5 [ECHO] len=64`; len is the payload's.
local function summary(dialect, ground, bytes, flags, payload)
  local parts = {}
  if dialect ~= RTTP1 then
    parts[1] = dialect.name .. (dialect.order == "little" and " little-endian" or "")
  end
  if ground == "guess" then
    parts[#parts + 1] = "(guess)"
  end
  for _, pair in ipairs(TOLD[dialect.name]) do
    local row = dialect.row[pair[1]]
    if #bytes >= row.at + row.size then
      local text = told(dialect, row, bytes)
      if text ~= "" then
        parts[#parts + 1] = pair[2] and pair[2] .. "=" .. text or text
      end
    end
  end
  parts[#parts + 1] = fragment_of(dialect, bytes, flags)
  local set = {}
  for _, bit in ipairs(dialect.row.flags and dialect.row.flags.bits or {}) do
    if has(flags, bit.value) then
      set[#set + 1] = bit.name
    end
  end
  if #set > 0 then
    parts[#parts + 1] = "[" .. table.concat(set, " ") .. "]"
  end
  parts[#parts + 1] = string.format("len=%d", payload)
  return table.concat(parts, " ")
end

local function show_row(tree, tvb, dialect, row, bytes)
  local range = tvb(row.at, row.size)
  if row.type == "text" then
    tree:add(row.field, range, text_of(bytes, row))
    return
  end
  local add = dialect.order == "little" and row.type == "uint" and tree.add_le or tree.add
  local item = add(tree, row.field, range)
  if row.decimal then
    tree:add(row.decimal, range, decimal(bytes:sub(row.at + 1, row.at + row.size))):set_generated()
  end
  if row.bits then
    for _, bit in ipairs(row.bits) do
      add(item, bit.field, range)
    end
    add(item, row.unknown, range)
  end
end

-- What follows from several rows.
local function show_derived(tree, tvb, dialect, bytes, good)
  local clock = clock_of(tvb, dialect, bytes)
  if clock and plausible(clock) then
    local row, billion = dialect.row.timestamp_ns, UInt64(1000000000)
    local time = NSTime(math.floor((clock / billion):tonumber()), math.floor((clock % billion):tonumber()))
    tree:add(f_time, tvb(row.at, row.size), time):set_generated()
  end
  if dialect ~= RTTP1 then
    return
  end
  local seq, index = uint(bytes, dialect.row.seq_id, "big"), uint(bytes, dialect.row.fragment_index, "big")
  if seq and index then
    tree:add(f_message, (seq - index) % 4294967296):set_generated()
    if good then
      tree:add(f_repair, index >= uint(bytes, dialect.row.fragment_count, "big")):set_generated()
    end
  end
end

local function show_rest(tree, tvb, header, payload, tag)
  local captured = tvb:len()
  local there = math.min(payload, captured - header)
  if there > 0 then
    tree:add(f_payload, tvb(header, there))
  end
  tree:add(f_payload_length, payload):set_generated()
  if tag > 0 and captured >= header + payload + tag then
    tree:add(f_tag, tvb(header + payload, tag))
  end
end

local function head(tvb)
  local captured = math.min(tvb:len(), LONGEST_HEADER)
  return captured > 0 and tvb:raw(0, captured) or ""
end

local function show(tvb, pinfo, tree, bytes, length, dialect, ground, slug, offset, note)
  local flags = flags_of(dialect, bytes)
  pinfo.cols.protocol = "RTTP"
  local top = tree:add(proto, tvb())

  top:add(f_dialect, dialect.name):set_generated()
  top:add(f_order, dialect.order):set_generated()
  local reason = top:add(f_ground, ground)
  reason:set_generated()
  if ground == "guess" then
    reason:add_proto_expert_info(experts.guess, "The dialect is a guess; " .. note)
  end

  local header = 0
  for _, row in ipairs(dialect.rows) do
    local last = row.at + row.size
    if last <= length and present(dialect, row, flags) then
      header = last
      if last <= #bytes then
        show_row(top, tvb, dialect, row, bytes)
      end
    end
  end
  local refused = slug and slug ~= CUT
  show_derived(top, tvb, dialect, bytes, not slug)
  local sealed = not refused and dialect == RTTP1 and has(flags, dialect.row.flags.bits.SEALED)
  local tag = sealed and TAG or 0
  local payload = math.max(0, length - header - tag)
  show_rest(top, tvb, header, payload, tag)

  local line = summary(dialect, ground, bytes, flags, payload)
  if refused then
    local item = top:add(f_reject, slug)
    item:set_generated()
    item:add_proto_expert_info(experts[slug], string.format("%s at offset %d: %s", slug, offset, meanings[slug]))
    top:add(f_reject_offset, offset):set_generated()
    line = line .. string.format(" refused: %s at %d", slug, offset)
  elseif slug == CUT then
    top:add_proto_expert_info(experts.cut)
  end
  pinfo.cols.info = line
  top:append_text(", " .. line)
end

function proto.dissector(tvb, pinfo, tree)
  local bytes, length = head(tvb), tvb:reported_len()
  local asked = DIALECTS[proto.prefs.dialect] -- 0 is none
  show(tvb, pinfo, tree, bytes, length, choose(tvb, bytes, length, asked, proto.prefs.strict))
  return tvb:len()
end

-- On any other port only what is sure: a magic with a good rest, or every rule of rttp1 and a clock of our time.
local function heuristic(tvb, pinfo, tree)
  local bytes, length = head(tvb), tvb:reported_len()
  local dialect, ground, slug = choose(tvb, bytes, length, nil, true)
  local sure = ground == "magic" or (ground == "rules" and plausible(clock_of(tvb, dialect, bytes)))
  if slug or not sure then
    return false
  end
  -- From here on this conversation is RTTP, and so are its bad pulses.
  pinfo.conversation = proto
  show(tvb, pinfo, tree, bytes, length, dialect, ground)
  return true
end

-- Registration -------------------------------------------------------------------------------------------------------

local port = 0

local function listen(wanted)
  if wanted == port then
    return
  end
  local ports = DissectorTable.get("udp.port")
  if port > 0 then
    ports:remove(port, proto)
  end
  if wanted > 0 then
    ports:add(wanted, proto)
  end
  port = wanted
end

local choices = { { 1, "found", 0 } }
for i, dialect in ipairs(DIALECTS) do
  choices[i + 1] = { i + 1, dialect.name .. (dialect.order == "little" and "-little" or ""), i }
end

proto.prefs.port = Pref.uint("UDP port", PORT, "Port on which every datagram is RTTP; 0 for none")
proto.prefs.dialect = Pref.enum("Dialect", 0, "Layout of every datagram; found: each by its own bytes", choices, false)
proto.prefs.strict = Pref.bool("Never guess", false, "Show what only a guess explains as a refused rttp1 pulse")

function proto.prefs_changed()
  listen(proto.prefs.port)
end

listen(PORT)
proto:register_heuristic("udp", heuristic)
