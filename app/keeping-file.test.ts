import { expect, it } from 'vitest'
import { shippedKeeping } from '../model/keeping.ts'
import { AppError } from '../runtime/errors.ts'
import { keepingRulesOf, loadKeepingRules } from './keeping-file.ts'

const problemOf = (text: string): string => {
  try {
    keepingRulesOf(text, 'keeping.yaml')
  } catch (error) {
    return error instanceof AppError && error.code === 'KEEPING_INVALID' ? error.message : String(error)
  }
  return ''
}

it('the shipped file says what holds without one', () => {
  expect(loadKeepingRules('')).toEqual(shippedKeeping)
})

it('tells every mistake with its line', () => {
  const text = [
    'default:',
    '  measurements: 0',
    '  mesages: 3',
    'rules:',
    '  - class: a',
    '    keep: { logs: 1 }',
    '  - { customer: b, keep: { logs: x } }',
    '',
  ]
  expect(problemOf(text.join('\n'))).toMatch(
    /^keeping\.yaml is not valid:\n- line 3: default, mesages: expected one of .*\n- line 2: default, measurements: expected 1 day or more.*\n- line 7: rule 2, keep, logs: expected days from 1 to 36500, or forever, got "x"$/,
  )
})

it('tells the line of broken YAML, and of a key that stands twice', () => {
  expect(problemOf('default:\n  logs: [1\n')).toMatch(/^keeping\.yaml line \d: /)
  expect(problemOf('rules: []\nrules: []\n')).toBe('keeping.yaml line 2: Map keys must be unique')
})

it('names the file that is not there', () => {
  expect(() => loadKeepingRules('/nowhere/keeping.yaml')).toThrow(/^KEEPING_FILE \/nowhere\/keeping\.yaml: /)
})
