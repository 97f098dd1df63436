/**
 * What a rule stands for ends when it is in force no more (cause `ruleRetired`): nobody would judge it again, and devices that it
 * explains would stay silent. Called before the rules of a new version are taken over (`fleet-run.ts`).
 */
import type { Rule } from '../../../model/rule.ts'
import { brokerTroubleTold } from './broker-trouble.ts'
import { retireGroup } from './fleet-alarms.ts'
import { forgetTrouble, platformResource, platformRule, troublesTold } from './platform-alarm.ts'
import { recorderRules } from './recorder-health.ts'
import { refusalResource, refusalsRule } from './refusals.ts'
import { endSituation } from './situations.ts'
import type { FleetTurn } from './turn.ts'
import { wordingsResource, wordingsRule } from './wordings.ts'

export const endWithoutRule = (turn: FleetTurn, rules: readonly Rule[]): void => {
  const { state } = turn
  const isGone = (id: string): boolean => rules.every((rule) => rule.id !== id)
  endSituations(turn, isGone)
  if (isGone(refusalsRule)) {
    for (const key of namesOf(state.refusals?.standing))
      retireGroup(turn, { resource: refusalResource(key), rule: refusalsRule, qualifier: '' })
    if (state.refusals !== undefined) state.refusals.standing = {}
  }
  if (isGone(wordingsRule)) {
    for (const firmware of namesOf(state.wordings?.standing))
      retireGroup(turn, { resource: wordingsResource(firmware), rule: wordingsRule, qualifier: '' })
    if (state.wordings !== undefined) state.wordings.standing = {}
  }
  const retire = (rule: string, qualifier: string): void => {
    retireGroup(turn, { resource: platformResource(rule), rule, qualifier })
    forgetTrouble(turn, rule, qualifier)
  }
  if (isGone(platformRule)) for (const qualifier of ['', ...brokerTroubleTold(turn)]) retire(platformRule, qualifier)
  for (const rule of recorderRules.filter(isGone)) for (const qualifier of troublesTold(turn, rule)) retire(rule, qualifier)
}

/** Those that lie under another one first: each ends by its own rule. */
const endSituations = (turn: FleetTurn, isGone: (id: string) => boolean): void => {
  const { state, overlay } = turn
  const isUnder = (key: string): number => Number((overlay.look('situation', key)?.under ?? '') !== '')
  for (const key of [...state.standing].sort((one, other) => isUnder(other) - isUnder(one))) {
    const id = overlay.look('situation', key)?.rule
    if (id !== undefined && isGone(id)) endSituation(turn, key, 'retired', `the rule ${id} is no longer in force`)
  }
}

const namesOf = (standing: Readonly<Record<string, unknown>> = {}): string[] => Object.keys(standing).sort()
