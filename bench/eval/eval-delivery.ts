/**
 * Part 4: what the devices with planted faults say, delivered worse: twice, out of order, hours late. The same episodes must stand
 * at the end, as amended. What depends on arrival by nature (presence, silence, and the groups made of them) is not compared.
 */
import { createRandom, type Random } from '../../agent/simulation/random.ts'
import type { Plan } from '../../agent/world/plan-types.ts'
import type { WorldEvent } from '../../agent/world/outbound.ts'
import { messagesOf } from '../../agent/world/world.ts'
import type { Row } from '../../model/ports.ts'
import type { RuleSet } from '../../model/rule.ts'
import { createEvalEvents } from './eval-events.ts'
import { runEvents } from './eval-run.ts'

export type DeliveryReport = {
  way: string
  messages: number
  /** Episodes of the delivery in order, and how many of them stand here too. */
  episodes: number
  same: number
  /** Missing here, and only here. */
  missing: string[]
  added: string[]
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs
/** Events of a device that are older than its newest by more than a minute are late. */
const shuffledWithinMs = 45_000
const delayedMs = 3 * hourMs
const fromHour = 8
const hours = 4

type Way = { name: string; deliver: (message: WorldEvent, random: Random, plan: Plan) => WorldEvent[] }

const ways: readonly Way[] = [
  { name: 'twice', deliver: (one, random) => [one, { ...one, dup: true, atMs: one.atMs + Math.round(random.next() * shuffledWithinMs) }] },
  {
    name: `shuffled within ${shuffledWithinMs / 1_000} s`,
    deliver: (one, random) => [{ ...one, atMs: one.atMs + Math.round(random.next() * shuffledWithinMs) }],
  },
  {
    name: `${hours} hours of every second device delivered ${delayedMs / hourMs} h late`,
    deliver: (one, _, { fromMs }) => {
      const isHeld = one.deviceIndex % 2 === 0 && one.atMs >= fromMs + fromHour * hourMs && one.atMs < fromMs + (fromHour + hours) * hourMs
      return [isHeld ? { ...one, atMs: one.atMs + delayedMs } : one]
    },
  },
]

/** Whatever the broker itself says comes when it comes. */
const isOfBroker = ({ kind, topic }: WorldEvent): boolean => kind !== 'message' || topic.endsWith('/status')

export const judgeDelivery = (plan: Plan, ruleSet: RuleSet): DeliveryReport[] => {
  const concerned = new Set(
    plan.truth.filter(({ origin, devices }) => origin === 'planted' && devices.length === 1).map(({ devices }) => devices[0]?.mac),
  )
  const messages = [...messagesOf(plan)].filter(({ deviceIndex }) => concerned.has(plan.devices[deviceIndex]?.mac))
  const measured = new Set(ruleSet.rules.filter((rule) => !byArrival.test(rule.id)).map((rule) => rule.id))
  const standing = (told: WorldEvent[]): Episode[] =>
    runEvents(createEvalEvents(plan, { messages: told }), ruleSet)
      .episodes.filter((row) => measured.has(String(row['type'])) && row['retracted'] !== 1)
      .map(episodeOf)
  const inOrder = standing(messages)
  return ways.map(({ name, deliver }) => {
    const random = createRandom(plan.scenario.seed, 3)
    const told = messages
      .flatMap((message) => (isOfBroker(message) ? [message] : deliver(message, random, plan)))
      .filter(({ atMs }) => atMs < plan.endMs)
      .sort((one, other) => one.atMs - other.atMs)
    const here = standing(told)
    const { missing, added } = differencesOf(inOrder, here)
    return { way: name, messages: told.length, episodes: inOrder.length, same: inOrder.length - missing.length, missing, added }
  })
}

const byArrival = /^(presence|platform|site|cell|inventory)\./

/** What it is about, how grave, and when it became true. */
type Episode = { about: string; raisedAtMs: number }

const episodeOf = (row: Row): Episode => ({
  about: [row['subject'], row['type'], row['qualifier'], row['severity_max']].map(String).filter(Boolean).join(' '),
  raisedAtMs: Number(row['raised_at']),
})

/** Log lines without a time of their own are as old as their arrival, which the ways change by up to this. */
const sameWithinMs = minuteMs

/** Each stands for one other at most. */
const differencesOf = (inOrder: readonly Episode[], here: readonly Episode[]): Pick<DeliveryReport, 'missing' | 'added'> => {
  const open = [...here]
  const missing = inOrder.filter(({ about, raisedAtMs }) => {
    const at = open.findIndex((other) => other.about === about && Math.abs(other.raisedAtMs - raisedAtMs) <= sameWithinMs)
    if (at >= 0) open.splice(at, 1)
    return at < 0
  })
  return { missing: missing.map(nameOf), added: open.map(nameOf) }
}

const nameOf = ({ about, raisedAtMs }: Episode): string => `${about} ${new Date(raisedAtMs).toISOString()}`
