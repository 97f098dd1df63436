/** What cannot be tried from outside, with what to set at the brokers that are known. Pure. */
import type { Finding } from './finding.ts'

/** `product`: what the broker says of itself, null when it does not. */
export const judgeDurability = (product: string | null): Finding => {
  const known = advice.find(({ is }) => product !== null && is.test(product))
  return {
    id: 'durability',
    title: 'Kill -9 and power cut of the broker',
    verdict: 'untested',
    measured: `cannot be tried from outside; the broker calls itself ${product === null ? 'nothing' : `"${product}"`}`,
    meaning:
      known?.set ??
      'Whether its queue survives a kill is for its own documentation to say; docs/reference/brokers.md tells what we measured of others.',
  }
}

const advice: readonly { is: RegExp; set: string }[] = [
  {
    is: /mosquitto/i,
    set: 'Mosquitto: persistence true, autosave_on_changes true, autosave_interval 1 (deploy/mosquitto/mosquitto.conf). With its defaults a kill loses all that was queued since the last save, up to half an hour; even so set, up to about a second.',
  },
  {
    is: /hivemq/i,
    set: 'HiveMQ CE: <persistence><mode>file</mode></persistence> (its default), which survives a kill of the program; the disk is synced later.',
  },
  { is: /emqx/i, set: 'EMQX: durable_sessions.enable = true; else sessions and queues live in memory and end with the node.' },
  { is: /vernemq/i, set: 'VerneMQ: its message store is on disk; run a cluster of three for the loss of a machine.' },
  { is: /moquette/i, set: 'Moquette: persistence_enabled true; its store is written every autosave_interval (30 s by default).' },
]
