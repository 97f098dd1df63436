/** Judges what a login that is no recorder may do. Proved by who receives, since 3.1.1 brokers acknowledge what they refuse. Pure. */
import type { Finding } from './finding.ts'

export type Stranger = 'anonymous' | 'device'

export type PermissionFacts = {
  /** Null: it could connect. Else the answer. */
  refusedLogin: string | null
  /** The witness got what the stranger published under another device's name. */
  speaksAsOther: boolean
  /** The witness got what a device published under its own name; null: not tried (nobody's name is its own). */
  speaksAsItself: boolean | null
  writesRequests: boolean
  /** Got a message that was for another device. */
  hearsOthers: boolean
  /** Code of the SUBACK to `#`. */
  grantedEverything: number
}

const names: Record<Stranger, string> = { anonymous: 'A client without login', device: 'The device login' }

/** Null: no device login was given. */
export const judgePermissions = (who: Stranger, facts: PermissionFacts | null): Finding[] => {
  const name = names[who]
  const id = (what: string): string => `${who}-${what}`
  if (facts === null) {
    const meaning = 'Give --device-login and --device-password-file: only with a device of your own can it be tried what devices may do.'
    return [{ id: id('login'), title: name, verdict: 'untested', measured: 'no device login was given', meaning }]
  }
  if (facts.refusedLogin !== null) {
    return who === 'anonymous'
      ? [{ id: id('login'), title: name, verdict: 'ok', measured: facts.refusedLogin, meaning: 'Nobody connects without a login.' }]
      : [
          {
            id: id('login'),
            title: name,
            verdict: 'bad',
            measured: facts.refusedLogin,
            meaning: 'The device cannot connect, so that nothing is known of what devices may do.',
          },
        ]
  }
  return [
    speaking(id('speaks-as-another'), name, facts),
    requesting(id('writes-requests'), name, facts),
    hearing(id('hears-others'), name, facts),
  ]
}

const speaking = (id: string, name: string, { speaksAsOther, speaksAsItself }: PermissionFacts): Finding => {
  const title = `${name} speaks as another device`
  if (speaksAsOther) {
    const meaning = "It can write any device's history. Set an ACL (deploy/mosquitto/acl, deploy/emqx/acl.conf)."
    return { id, title, verdict: 'bad', measured: 'a second client received the message', meaning }
  }
  if (speaksAsItself === false) {
    const meaning =
      'That proves nothing: the device may not write there at all, or this login may not read it. Name a topic of your fleet with --other-topic.'
    return { id, title, verdict: 'untested', measured: 'neither its own nor the other message arrived', meaning }
  }
  const measured = speaksAsItself === null ? 'the message did not arrive' : 'its own message arrived, the other did not'
  return { id, title, verdict: 'ok', measured, meaning: 'What stands in the history of a device was said by its login.' }
}

const requesting = (id: string, name: string, { writesRequests }: PermissionFacts): Finding => {
  const title = `${name} writes task requests`
  return writesRequests
    ? {
        id,
        title,
        verdict: 'bad',
        measured: 'a second client received the request',
        meaning: 'It can order other devices to reboot or to update. Only the recorder may write .../tasks/+/request.',
      }
    : { id, title, verdict: 'ok', measured: 'the request did not arrive', meaning: 'Tasks come from the recorder alone.' }
}

const hearing = (id: string, name: string, { hearsOthers, grantedEverything }: PermissionFacts): Finding => {
  const title = `${name} hears other devices`
  const asked = grantedEverything <= 2 ? `# was granted with QoS ${grantedEverything}` : `# was refused with code ${grantedEverything}`
  return hearsOthers
    ? {
        id,
        title,
        verdict: 'warning',
        measured: `${asked}, and a message for another device arrived`,
        meaning: 'Nothing is lost by it, but places, numbers and requests of the whole fleet can be read.',
      }
    : { id, title, verdict: 'ok', measured: `${asked}, and nothing of another device arrived`, meaning: 'Each device hears itself only.' }
}
