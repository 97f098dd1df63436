/** Counts what the link costs and projects a month, so that a metered profile can be judged before the bill comes. */

const monthMs = 30 * 24 * 3_600_000
const pubackBytes = 4
const connectBytes = 250 // CONNECT with will and CONNACK, about.
/** IPv4 and TCP headers with timestamps of a packet and of the acknowledgement that it causes, each way. */
const headersPerPacketBytes = 52

export const createTrafficMeter = (now: () => number = () => performance.now()) => {
  let mqttBytes = 0
  let packets = 0
  let measuringSinceMs: number | undefined
  const startedAtMs = now()

  return {
    connected: (): void => {
      mqttBytes += connectBytes
      packets += 4
    },
    sent: (packetBytes: number): void => {
      mqttBytes += packetBytes
      packets++
    },
    acknowledged: (): void => {
      mqttBytes += pubackBytes
      packets++
    },
    /** The first call forgets what the start cost (boot facts, backlog): it does not come again every interval. */
    startMeasuring: (): void => {
      if (measuringSinceMs !== undefined) return
      measuringSinceMs = now()
      mqttBytes = 0
      packets = 0
    },
    report: (): string => {
      const elapsedMs = Math.max(1, now() - (measuringSinceMs ?? startedAtMs))
      const month = (bytes: number): string => humanBytes((bytes * monthMs) / elapsedMs)
      return `traffic: ${humanBytes(mqttBytes)} of MQTT in ${Math.round(elapsedMs / 1000)} s; at this rate ${month(mqttBytes)} a month, about ${month(mqttBytes + packets * headersPerPacketBytes)} with TCP/IP headers`
    },
  }
}

export const humanBytes = (bytes: number): string => {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${value.toFixed(unit === 0 ? 0 : 1)} ${units[unit] ?? ''}`
}
