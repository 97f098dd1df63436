import { describe, expect, it } from 'vitest'
import type { AlarmEvent } from '../../../model/alarm-event.ts'
import { alarmKey, evidenceOf, observeOf, policyOf, startMs, stream } from '../../../test/alarm-fakes.ts'
import { stepAlarm } from '../alarms/alarm-decider.ts'
import { initialAlarmState } from '../alarms/alarm-state.ts'
import { initialNotificationState } from '../alarms/notification-view.ts'
import { packAlarm } from '../alarms/packed-state.ts'
import { bodyBytesMax, messageBodyOf, type NoticeWords } from './message-body.ts'
import type { OutputState } from './output-state.ts'

const stepped = stepAlarm(policyOf(), initialAlarmState, observeOf('active', 0))
const raised = stepped.ok ? stepped.value.state : initialAlarmState
const state = (change: Partial<OutputState> = {}): OutputState => ({
  kind: 'output',
  tenant: 'default',
  subject: '00-11-22-33-44-55',
  stream,
  key: alarmKey,
  version: 1,
  alarm: packAlarm(raised),
  view: initialNotificationState,
  audience: { class: 'business', notifies: true, model: 'dwr/311-a1', site: 'north' },
  muted: '',
  raise: null,
  queue: [],
  rows: [],
  rowVersion: 0,
  currentEpisode: 0,
  forgetMs: 0,
  ...change,
})
const words: NoticeWords = {
  publicUrl: 'https://fleet.example',
  titleOf: () => 'Weak signal',
  typeOf: () => policyOf().type,
}
const notification = { kind: 'raise', episode: 1, severity: 'major', atMs: startMs, pages: true, version: 1 } as const

describe('the body of a notification', () => {
  it('is a CloudEvents event that says what a person needs', () => {
    expect(JSON.parse(messageBodyOf(state(), notification, 'id-1', null, words))).toEqual({
      specversion: '1.0',
      id: 'id-1',
      source: '/fleet-recorder/default',
      type: 'io.fleet-recorder.alarm.raise',
      subject: alarmKey.resource,
      time: '2026-03-01T00:00:00.000Z',
      datacontenttype: 'application/json',
      dedupkey: `${stream}:1`,
      data: {
        dedupKey: `${stream}:1`,
        alarmId: `${stream}:1`,
        notification: 'raise',
        state: 'active',
        severity: 'major',
        title: 'Weak signal',
        type: 'radio.rsrp-poor',
        qualifier: '',
        resource: alarmKey.resource,
        subject: '00-11-22-33-44-55',
        deviceClass: 'business',
        model: 'dwr/311-a1',
        site: 'north',
        raisedAt: '2026-03-01T00:00:00.000Z',
        detectedAt: '2026-03-01T00:00:00.000Z',
        clearedAt: null,
        cause: 'The modem hears its cell weakly',
        action: 'Check antenna and place',
        runbook: 'radio.md',
        situation: null,
        change: null,
        evidence: {
          values: [{ name: 'cellular.rsrp', value: -120, unit: 'dBm', observedAt: '2026-03-01T00:00:00.000Z' }],
          raiseLevel: -115,
          clearLevel: -110,
        },
        link: `https://fleet.example/#alarm=${encodeURIComponent(`${stream}:1`)}`,
      },
    })
  })

  it('stays under 20 kB whatever the alarm holds', () => {
    for (const char of ['語', '\u0001', 'x', '😀']) {
      const long = char.repeat(100_000)
      const values = Array.from({ length: 50 }, () => ({ name: long, value: long, unit: long, observedAtMs: startMs }))
      const everything = state({
        subject: long,
        key: { resource: long, type: 'x', qualifier: long },
        audience: { class: 'business', notifies: true, model: long, site: long },
        alarm: packAlarm({ ...raised, evidence: { ...evidenceOf(1), values }, situation: { is: 'symptom', of: long } }),
      })
      const type = { ...policyOf().type, cause: long, action: long, runbook: long }
      const amended = { kind: 'AlarmAmended', reason: long, atMs: startMs } as unknown as AlarmEvent
      const body = messageBodyOf(everything, { ...notification, kind: 'amend' }, 'id-1', amended, {
        ...words,
        titleOf: () => long,
        typeOf: () => type,
      })
      expect(Buffer.byteLength(body)).toBeLessThan(bodyBytesMax)
    }
  })
})
