/**
 * Why a message became a dead letter. Codes are stable: dead letters are grouped and re-driven by them.
 * `docs/reference/device-protocol.md` lists them; a test compares both ways.
 */

export const reasons = {
  TOPIC_INVALID: {
    means: 'The topic holds a wildcard, a control character or bytes that are no UTF-8.',
    whatToDo: "Mend the device's topic; MQTT forbids these in a PUBLISH.",
  },
  TOPIC_TOO_LONG: {
    means: 'The topic is longer or deeper than any mapping can be.',
    whatToDo: 'Shorten the topic.',
  },
  TOPIC_EMPTY_LEVEL: {
    means: 'A level of the topic is empty. Only one trailing empty level is tolerated.',
    whatToDo: 'Remove the leading or doubled slash on the device.',
  },
  TOPIC_UNMAPPED: {
    means: 'No family of topics.yaml matches.',
    whatToDo: 'Add a family, a place root or an alias to topics.yaml, restart, then re-drive these dead letters.',
  },
  IDENTITY_UNKNOWN: {
    means: 'The topic names its device by something that is no MAC and no alias (a host name, a serial number).',
    whatToDo: 'Add the identity and its MAC to aliases in topics.yaml, in quotes, restart, then re-drive these dead letters.',
  },
  PAYLOAD_EMPTY: {
    means: 'The payload has no bytes. Deleting a retained message looks like this.',
    whatToDo: 'Nothing, when a retained message was deleted; else mend the device.',
  },
  PAYLOAD_TOO_LARGE: {
    means: 'The payload is over the limit of its topic; only its first 4 KiB were kept.',
    whatToDo: 'Send less per message, or raise MQTT_PAYLOAD_BYTES_MAX. These cannot be re-driven.',
  },
  PAYLOAD_NOT_UTF8: {
    means: 'The payload is no valid UTF-8.',
    whatToDo: 'Send UTF-8; compressed payloads belong to the topic .../batch/deflate.',
  },
  PAYLOAD_SHAPE: {
    means: 'The payload is of another form than its topic expects.',
    whatToDo: 'Compare with the payload forms in docs/reference/device-protocol.md, or map the topic to another profile.',
  },
  JSON_INVALID: { means: 'The payload begins like JSON and is none.', whatToDo: 'Mend the JSON; a cut message often ends amid a string.' },
  JSON_BOM: { means: 'The payload begins with a byte order mark (RFC 8259 8.1 forbids it).', whatToDo: 'Send UTF-8 without BOM.' },
  JSON_DUPLICATE_KEY: {
    means: 'An object has one key twice; which value holds is unknown.',
    whatToDo: 'Send each key once per object.',
  },
  JSON_TOO_DEEP: { means: 'The JSON is nested over 32 levels.', whatToDo: 'Flatten it.' },
  JSON_LONE_SURROGATE: {
    means: 'A JSON string holds half of a surrogate pair; it is no text.',
    whatToDo: 'Send characters beyond U+FFFF as pairs or as UTF-8.',
  },
  NUMBER_NOT_FINITE: { means: 'A number is too large for a double, such as 1e400.', whatToDo: 'Send null where there is no reading.' },
  INTEGER_NOT_EXACT: {
    means: 'A counter, sequence number or identifier is past 2^53 and would be rounded.',
    whatToDo: 'Send counters below 2^53 and identifiers as text.',
  },
  FIELD_INVALID: { means: 'A field that the message cannot do without is missing or wrong.', whatToDo: 'See the detail.' },
  TOO_MANY_ITEMS: { means: 'One message says more than 2,000 things (20,000 log lines).', whatToDo: 'Split it into several messages.' },
  NAME_TOO_LONG: { means: 'The name of a metric or fact would be over 200 characters.', whatToDo: 'Shorten keys or nest less.' },
  BATCH_INVALID: {
    means: 'A batch (.../batch/deflate) is no raw deflate of JSON lines.',
    whatToDo: 'Compare with the batch form in the protocol page.',
  },
} as const satisfies Record<string, { means: string; whatToDo: string }>

export type ReasonCode = keyof typeof reasons
