/** The alarm decider takes what the rules tell: the shipped pack is its inventory. */
import { expect, it } from 'vitest'
import { alarmTypeOf } from '../../../model/rule.ts'
import { liveThrough } from '../../../test/alarm-fakes.ts'
import { createRuleDevice, minuteMs, shippedRules, startMs } from '../../../test/rule-kit.ts'
import type { AlarmCommand } from '../../../model/alarm.ts'
import { checkInventory } from '../alarms/alarm-types.ts'
import { createRuleBook } from './compile.ts'

it('the pack is an inventory without faults', () => {
  expect(checkInventory(createRuleBook(shippedRules()).types)).toMatchObject({ ok: true })
})

it('an uplink that is down for ten minutes is one episode, raised after its delay, cleared after its delay', () => {
  const device = createRuleDevice(shippedRules())
  for (let minute = 0; minute < 60; minute++) {
    const atMs = startMs + minute * minuteMs
    const down = minute >= 20 && minute < 30
    device.heard(atMs)
    device.feed({ kind: 'measurement', metric: 'network.wan.up', attributes: '', value: down ? 0 : 1, atMs })
  }
  expect(device.told()).toEqual(['wan.down active major @1200', 'wan.down inactive @1800'])
  const [first] = device.commands
  if (first?.rule == null) throw new Error('expected a command of a rule')
  const commands = device.commands.map(({ command }) => command as AlarmCommand)
  const { events, refusals } = liveThrough({ type: alarmTypeOf(first.rule), ...first.delays }, [
    ...commands,
    { kind: 'TimerFired', atMs: startMs + 60 * minuteMs },
  ])
  expect(refusals).toEqual([])
  expect(events.map(({ kind }) => kind)).toEqual(['RaiseDelayStarted', 'AlarmRaised', 'ClearDelayStarted', 'AlarmCleared'])
  expect(events[1]).toMatchObject({ raisedAtMs: startMs + 21 * minuteMs, severity: 'major', episode: 1 })
  expect(events[3]).toMatchObject({ cause: 'condition' })
})
