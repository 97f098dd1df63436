import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import Schema from 'typebox/schema'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { fileNamesIn } from '../adapters/system/folder.ts'
import { readTextFile } from '../adapters/system/text-file.ts'
import { ruleFileSchema } from '../model/rule-form.ts'
import { rulesMarkdown } from '../model/rule-page.ts'
import { AppError } from '../runtime/errors.ts'
import { loadRuleSet, ruleFileOf, shippedRulesFolder } from './rules-file.ts'

const problemOf = (read: () => unknown): string => {
  try {
    read()
  } catch (error) {
    return error instanceof AppError && error.code === 'RULES_INVALID' ? error.message : String(error)
  }
  return ''
}
const inFolder = <T>(files: Record<string, string>, use: (folder: string) => T): T => {
  const folder = mkdtempSync(join(tmpdir(), 'rules-'))
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    return use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
const project = resolve(import.meta.dirname, '..')

it('the shipped files fit together', () => {
  expect(loadRuleSet('').rules.length).toBeGreaterThan(40)
})

it('an uplink that comes and goes explains the sessions that it costs, of data and of MQTT', () => {
  const causesOf = (id: string) => loadRuleSet('').rules.find((rule) => rule.id === id)?.dependsOn
  expect(causesOf('wan.session-flap')).toContain('wan.flap')
  expect(causesOf('presence.flapping')).toEqual(expect.arrayContaining(['wan.flap', 'wan.session-flap']))
})

it('each class of kernel lines that a person must act on has a rule, heat too', () => {
  const heard = new Set(
    loadRuleSet('').rules.flatMap(({ enabled, condition }) =>
      enabled && condition.form === 'event' ? condition.raiseOn.flatMap((matcher) => (matcher.of === 'log' ? matcher.classes : [])) : [],
    ),
  )
  expect([...heard].sort()).toEqual(
    expect.arrayContaining(['conntrack', 'flash', 'oom', 'oops', 'panic', 'read-only-fs', 'stall', 'thermal', 'usb-gone']),
  )
})

it('a pattern that would try every way through a line is answered all the same', () => {
  loadRuleSet('')
  for (const pattern of ['(a+)+$', '(a|aa)+$', '.*.*.*=.*x']) expect(new RegExp(pattern).test(`${'a'.repeat(4_096)}b`)).toBe(false)
})

it('a class that does not exist is refused, a pattern of one that does is not', () => {
  const rule = (name: string) => `overrides:\n  - { rule: presence.offline, select: { class: ${name} }, set: { severity: minor } }\n`
  const read = (name: string) => problemOf(() => inFolder({ 'own.yaml': rule(name) }, loadRuleSet))
  expect(read('criticall')).toContain('select.class: expected a class of critical, business, home, got "criticall"')
  expect(read('"b*"')).toBe('')
})

it('docs/reference/rules.md and the JSON schema are what the files and the form say', () => {
  expect(readFileSync(join(project, 'docs/reference/rules.md'), 'utf8')).toBe(rulesMarkdown(loadRuleSet('')))
  expect(readFileSync(join(project, 'schemas/rules.schema.json'), 'utf8')).toBe(ruleFileSchema())
})

it('the JSON schema takes the shipped files and refuses a misspelt key', () => {
  const schema = Schema.Compile(JSON.parse(ruleFileSchema()) as object)
  for (const name of fileNamesIn(shippedRulesFolder, '.yaml')) {
    const file: unknown = parse(readTextFile(`${shippedRulesFolder}/${name}`))
    expect([name, schema.Check(file)]).toEqual([name, true])
    expect(schema.Check({ ...(file as object), ruels: [] })).toBe(false)
  }
})

it('tells every mistake with its line', () => {
  const text = ['rules:', '  - id: x.one', '    number: 1', '    severity: high', '    event: { raiseOn: { log: oum } }', ''].join('\n')
  expect(problemOf(() => ruleFileOf(text, 'own.yaml'))).toBe(
    [
      'own.yaml is not valid:',
      '- line 2: rules.1.title: expected it, got nothing',
      '- line 2: rules.1.why: expected it, got nothing',
      '- line 2: rules.1.cause: expected it, got nothing',
      '- line 2: rules.1.action: expected it, got nothing',
      '- line 2: rules.1.eventType: expected it, got nothing',
      '- line 5: rules.1.event.raiseOn.log: expected one of panic, oops, oom, stall, modem-tx, usb-gone, usb-error, flash, read-only-fs, conntrack, alloc, segv, crash-loop, thermal, auth, got "oum"',
      '- line 4: rules.1.severity: expected one of indeterminate, warning, minor, major, critical, got "high"',
    ].join('\n'),
  )
  expect(problemOf(() => ruleFileOf('rules: [1', 'own.yaml'))).toMatch(/^own\.yaml line 1: /)
})

it('a rule of the same id takes the place of the shipped one, overrides are added', () => {
  const own = [
    'rules:',
    '  - { id: device.oom, number: 13, version: 2, title: t, why: w, cause: c, action: a, eventType: equipment, severity: minor, event: { raiseOn: { log: oom }, staleAfter: 1 h } }',
    'overrides:',
    '  - { rule: device.temp-high, select: { model: "dwr/960-*" }, set: { enabled: true, raise: { above: 80 }, clear: { below: 75 } } }',
  ].join('\n')
  inFolder({ 'own.yaml': own }, (folder) => {
    const shipped = loadRuleSet('')
    const changed = loadRuleSet(folder)
    expect(changed.rules).toHaveLength(shipped.rules.length)
    expect(changed.rules.find(({ id }) => id === 'device.oom')).toMatchObject({ version: 2, severity: 'minor' })
    expect(changed.overrides).toHaveLength(shipped.overrides.length + 1)
  })
})

it('rules that do not fit together are named', () => {
  const own = 'overrides: [{ rule: radio.rsrp-poor, select: {}, set: { clear: { atLeast: -120 } } }]'
  inFolder({ 'own.yaml': own }, (folder) => {
    expect(problemOf(() => loadRuleSet(folder))).toBe(
      'The rules are not valid:\n- radio.rsrp-poor: override: it can never clear: expected levels that do not cross, got raise below -115 and clear atLeast -120',
    )
  })
  expect(problemOf(() => loadRuleSet('/nowhere'))).toMatch(/^\/nowhere: expected a folder of rules, /)
})
