import { describe, expect, it } from 'vitest'
import { exitCodeOf, type Finding, type Verdict } from './finding.ts'
import { judgeDurability } from './judge-durability.ts'
import { judgePermissions, type PermissionFacts } from './judge-permissions.ts'
import { lastLineOf, linesOfFinding } from './report.ts'

const good: PermissionFacts = {
  refusedLogin: null,
  speaksAsOther: false,
  speaksAsItself: true,
  writesRequests: false,
  hearsOthers: false,
  grantedEverything: 128,
}
const verdictsOf = (findings: Finding[]) => findings.map(({ id, verdict }) => [id, verdict])

describe('a device login', () => {
  it('is well when it speaks as itself only, and hears itself only', () => {
    expect(verdictsOf(judgePermissions('device', good))).toEqual([
      ['device-speaks-as-another', 'ok'],
      ['device-writes-requests', 'ok'],
      ['device-hears-others', 'ok'],
    ])
  })

  it.each<[Partial<PermissionFacts>, string, Verdict]>([
    [{ speaksAsOther: true }, 'device-speaks-as-another', 'bad'],
    [{ speaksAsOther: true, speaksAsItself: false }, 'device-speaks-as-another', 'bad'],
    [{ speaksAsItself: false }, 'device-speaks-as-another', 'untested'],
    [{ writesRequests: true }, 'device-writes-requests', 'bad'],
    [{ hearsOthers: true, grantedEverything: 0 }, 'device-hears-others', 'warning'],
    [{ grantedEverything: 0 }, 'device-hears-others', 'ok'],
  ])('%j: %s is %s', (own, id, verdict) => {
    expect(judgePermissions('device', { ...good, ...own }).find((finding) => finding.id === id)?.verdict).toBe(verdict)
  })

  it('that cannot connect proves nothing; that is bad, and a missing one untested', () => {
    expect(verdictsOf(judgePermissions('device', { ...good, refusedLogin: 'Not authorized' }))).toEqual([['device-login', 'bad']])
    expect(verdictsOf(judgePermissions('device', null))).toEqual([['device-login', 'untested']])
  })
})

describe('a client without login', () => {
  it('is well when it cannot connect', () => {
    expect(judgePermissions('anonymous', { ...good, refusedLogin: 'Not authorized' })).toEqual([
      {
        id: 'anonymous-login',
        title: 'A client without login',
        verdict: 'ok',
        measured: 'Not authorized',
        meaning: 'Nobody connects without a login.',
      },
    ])
  })

  it('has no name to speak under, so that there is nothing to compare with', () => {
    expect(judgePermissions('anonymous', { ...good, speaksAsItself: null })[0]).toMatchObject({
      verdict: 'ok',
      measured: 'the message did not arrive',
    })
  })
})

describe('durability', () => {
  it('is said to be untested, with what to set at a known broker', () => {
    expect(judgeDurability('mosquitto version 2.0.11')).toMatchObject({
      verdict: 'untested',
      meaning: expect.stringContaining('autosave_on_changes true') as unknown,
    })
    expect(judgeDurability(null)).toMatchObject({ verdict: 'untested', meaning: expect.stringContaining('brokers.md') as unknown })
  })
})

describe('the report', () => {
  const finding = (verdict: Verdict): Finding => ({ id: 'x', title: 'Something', verdict, measured: 'seen', meaning: 'so it is' })
  const reportOf = (...verdicts: Verdict[]) => ({
    broker: 'mqtt://b',
    protocol: '5' as const,
    product: null,
    findings: verdicts.map(finding),
  })

  it('fails by what is bad alone', () => {
    expect(exitCodeOf(reportOf('ok', 'warning', 'untested'))).toBe(0)
    expect(exitCodeOf(reportOf('ok', 'bad'))).toBe(1)
  })

  it('is lines for people', () => {
    expect(linesOfFinding(finding('warning'))).toEqual(['WARNING   Something', '          seen', '          -> so it is'])
    expect(lastLineOf(reportOf('warning'))).toMatch(/^0 ok, 1 warning, 0 bad, 0 untested\./)
    expect(lastLineOf(reportOf('ok', 'ok', 'bad'))).toMatch(/^2 ok, 0 warnings, 1 bad, 0 untested\./)
  })
})
