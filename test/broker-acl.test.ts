/** The ACL files for Mosquitto and EMQX give the same rights, and none that a request could be written with by a device. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

type Right = { who: string; may: 'write' | 'read'; filter: string }

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const linesOf = (path: string, comment: string): string[] =>
  read(path)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith(comment))

/** `pattern` lines are for everybody, `topic` lines for the user named last. */
const mosquittoRights = (): Right[] => {
  let user = ''
  return linesOf('deploy/mosquitto/acl', '#').flatMap((line): Right[] => {
    const [kind = '', may = '', filter = ''] = line.split(' ')
    if (kind === 'user') {
      user = may
      return []
    }
    if (may !== 'write' && may !== 'read') throw new Error(`Expected read or write, got: ${line}`)
    return [{ who: kind === 'pattern' ? 'everybody' : user, may, filter: filter.replace('%u', '<login>') }]
  })
}

const emqxRights = (): { rights: Right[]; last: string | undefined } => {
  const lines = linesOf('deploy/emqx/acl.conf', '%%')
  const last = lines.pop()
  const rights = lines.map((line): Right => {
    const match = /^\{allow, (all|\{username, "([^"]+)"\}), (publish|subscribe), \["([^"]+)"\]\}\.$/.exec(line)
    if (match === null) throw new Error(`Expected a rule, got: ${line}`)
    const [, , user = 'everybody', action, filter = ''] = match
    return { who: user, may: action === 'publish' ? 'write' : 'read', filter: filter.replace('${username}', '<login>') }
  })
  return { rights, last }
}

const sorted = (rights: Right[]): string[] => rights.map(({ who, may, filter }) => `${who} ${may} ${filter}`).sort()

it('Mosquitto and EMQX give the same rights', () => {
  expect(sorted(emqxRights().rights)).toEqual(sorted(mosquittoRights()))
})

it('what EMQX does not allow is denied', () => {
  expect(emqxRights().last).toBe('{deny, all}.')
})

it('a device writes below its own login only, and no request', () => {
  const writes = mosquittoRights().filter(({ who, may }) => who === 'everybody' && may === 'write')
  expect(writes.length).toBeGreaterThan(0)
  for (const { filter } of writes) {
    expect(filter).toMatch(/^\+\/\+\/<login>\/[a-z]+/)
    expect(filter).not.toMatch(/request$|<login>\/#$|tasks\/#$/)
  }
})
