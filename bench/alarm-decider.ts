/**
 * What one evaluation costs in the alarm decider: the common case (nothing is wrong, nothing was), a stream that stands, and
 * raise and clear in turn; and how large stored states are. Run: node bench/alarm-decider.ts [rounds]
 */
import { by, liveThrough, observeOf, policyOf } from '../test/alarm-fakes.ts'
import { changesNothing, createAlarmDecider, nextDueMs } from '../processors/domain/alarms/alarm-decider.ts'
import { type AlarmState, initialAlarmState } from '../processors/domain/alarms/alarm-state.ts'
import { packAlarm, unpackAlarm } from '../processors/domain/alarms/packed-state.ts'

const rounds = Number(process.argv[2] ?? 1_000_000)
const decider = createAlarmDecider(policyOf())

const measure = (name: string, count: number, run: (at: number) => void): void => {
  for (let at = 0; at < count / 10; at++) run(at) // Compiled before it is measured.
  const startedNs = process.hrtime.bigint()
  for (let at = 0; at < count; at++) run(at)
  const ns = Number(process.hrtime.bigint() - startedNs) / count
  console.log(`${name.padEnd(52)} ${ns.toFixed(0).padStart(6)} ns  ${(1e9 / ns / 1e3).toFixed(0).padStart(8)} thousand/s`)
}

const quiet = observeOf('inactive', 0)
let sink = 0
measure('quiet, stream without a state: changesNothing', rounds * 10, () => {
  if (changesNothing(undefined, quiet)) sink++
})
measure('quiet, normal stream: step', rounds * 10, () => {
  if (decider.step(initialAlarmState, quiet).ok) sink++
})

let standing: AlarmState = liveThrough(policyOf(), [observeOf('active', 0)]).state
measure('active on a stream that stands: step', rounds, (at) => {
  const stepped = decider.step(standing, observeOf('active', 1_000_000_000 + at))
  if (stepped.ok) standing = stepped.value.state
})

let flipping: AlarmState = initialAlarmState
measure('raise and clear in turn (6 an hour and more): step', rounds, (at) => {
  const stepped = decider.step(flipping, observeOf(at % 2 === 0 ? 'active' : 'inactive', 2_000_000_000 + at * 1_000))
  if (stepped.ok) flipping = stepped.value.state
})

const acknowledged = liveThrough(policyOf(), [observeOf('active', 0), { ...by(1), kind: 'Acknowledge' }]).state
measure('next deadline of a stream that stands', rounds, () => {
  sink += nextDueMs(acknowledged) ?? 0
})
measure('pack a stream that stands', rounds, () => {
  if (packAlarm(acknowledged) !== null) sink++
})
const packed = packAlarm(acknowledged)
measure('unpack it', rounds, () => {
  sink += unpackAlarm(packed).version
})
console.log(`stored: stands ${JSON.stringify(packed).length} bytes; sink ${sink}`)
