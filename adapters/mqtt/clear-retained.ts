/** Deletes retained messages at a broker that wants no login, as MQTT does it: an empty retained message [MQTT-3.3.1-10]. */
import { connectAsync } from 'mqtt'

const connectWithinMs = 5_000

/** Rejects when the broker does not take it. */
export const clearRetained = async (url: string, topics: readonly string[]): Promise<void> => {
  const client = await connectAsync(url, { connectTimeout: connectWithinMs, reconnectPeriod: 0, clean: true })
  try {
    for (const topic of topics) await client.publishAsync(topic, '', { qos: 1, retain: true })
  } finally {
    await client.endAsync()
  }
}
