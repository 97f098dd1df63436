/**
 * Our own messages to the broker: at most as many without their PUBACK as the broker's Receive Maximum allows
 * [MQTT-4.9.0-2]; MQTT.js does not count, and HiveMQ (10 by default) closes the connection of who sends more. Others wait
 * their turn, at most `waitingMax`.
 */
import { AppError } from '../../runtime/errors.ts'

/** Requests to devices: a whole fleet at once is sent in pieces by whoever asks. */
export const sendsWaitingMax = 10_000

export type SendWindow = {
  /** The broker's Receive Maximum; 65,535 until it is known [MQTT-3.2.2.3.3]. */
  allow: (messagesMax: number) => void
  /** Runs the work when there is room. Rejects at once when too many wait. */
  run: (work: () => Promise<void>) => Promise<void>
}

export const createSendWindow = (waitingMax: number = sendsWaitingMax): SendWindow => {
  let messagesMax = 65_535
  let inFlight = 0
  const waiting: (() => void)[] = []
  return {
    allow: (max) => {
      messagesMax = max
    },
    run: async (work) => {
      if (inFlight < messagesMax) inFlight++
      else {
        if (waiting.length >= waitingMax)
          throw new AppError('MQTT_UNAVAILABLE', `${waitingMax} messages wait to be sent to the broker already`)
        await new Promise<void>((resolve) => waiting.push(resolve)) // The place of who has ended is handed on, never free in between.
      }
      try {
        await work()
      } finally {
        const next = waiting.shift()
        if (next === undefined) inFlight--
        else next()
      }
    },
  }
}
