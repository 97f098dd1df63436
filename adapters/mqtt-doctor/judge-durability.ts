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
    set: 'Mosquitto: persistence true, autosave_on_changes true, autosave_interval 1 (deploy/mosquitto/mosquitto.conf). With its defaults a kill loses all that was queued since the last save, up to half an hour; so set, the last few that were acknowledged.',
  },
  {
    is: /hivemq/i,
    set: 'HiveMQ CE: <persistence><mode>file</mode></persistence>, its default, survived a kill of the program whole; a power cut was not tried.',
  },
  { is: /emqx/i, set: 'EMQX: durable_sessions.enable = true; else sessions and queues live in memory and end with the node.' },
  { is: /vernemq/i, set: 'VerneMQ: it keeps the queues of persistent sessions on disk (LevelDB); raise max_offline_messages.' },
  { is: /moquette/i, set: 'Moquette: its sessions are written when it stops in order; a kill loses them with all that waited.' },
]
