/** What one message may hold. Each limit ends a kind of growth that a payload within its byte limit could still cause. */

/** Measurements, counters, facts and carriers of one message: a switch with 96 ports and ten counters each fits. */
export const itemsInMessageMax = 2_000
/** A log upload of 1 MiB holds some 12,000 usual lines. */
export const logLinesInMessageMax = 20_000
/** Characters of one log line (RFC 5424 asks receivers for 2,048); longer ones are cut and marked. */
export const logLineCharsMax = 4_096
/** Nesting of JSON; JSON.parse alone takes 10^5 levels. */
export const jsonDepthMax = 32
/** A metric's or fact's whole name. Names are low-cardinality columns. */
export const nameCharsMax = 200
/** A fact's value; longer ones are cut, the raw payload keeps them. */
export const factCharsMax = 1_024
/** A boot id is a UUID (36) or a counter. */
export const bootIdCharsMax = 128
/** Legal MQTT topics may be 65,535 bytes; the front door's own limit (MQTT_TOPIC_BYTES_MAX) is lower by default. */
export const topicCharsMax = 4_096
export const topicLevelsMax = 32
/** Topics remembered with what they mean: two generations of half as many, about 600 bytes each. */
export const topicsInCacheMax = 65_536
/** Spellings of keys remembered; an attacker's random keys must not grow it. */
export const keysInCacheMax = 4_096
