import { describe, expect, it } from 'vitest'
import { createMemoryLog } from '../adapters/memory/memory-log.ts'
import { fleetCodec } from '../test/stage-fakes.ts'
import { reasonCharsMax, type RecorderWatchDeps, startRecorderWatch, tellRecorder } from './recorder-watch.ts'

const createDeps = (changed: Partial<RecorderWatchDeps> = {}) => {
  const log = createMemoryLog({ clock: { nowMs: () => 5_000 }, partitions: 1 })
  const deps: RecorderWatchDeps = {
    log,
    encodeSignal: fleetCodec.encode,
    clock: { nowMs: () => 4_000 },
    tenant: 'main',
    instance: 'one',
    logRetentionMs: 3_600_000,
    disks: () => Promise.resolve([{ disk: 'data', freeBytes: 7, lowWaterBytes: 5 }]),
    processors: {
      readers: () => [{ group: 'device-stage', lagMs: 12 }],
      refused: () => [{ stage: 'device-stage', partition: 1, sinceMs: 3_000, why: 'x'.repeat(reasonCharsMax + 1) }],
    },
    onError: () => undefined,
    ...changed,
  }
  const told = async () => {
    const signals = []
    for await (const { value } of log.read('fleet-signals', 0, 0, 100)) signals.push(fleetCodec.decode(value))
    return signals
  }
  return { deps, told }
}

describe('the recorder watch', () => {
  it('tells disks, readers and refusals by one signal of no record, a reason cut', async () => {
    const { deps, told } = createDeps()
    await tellRecorder(deps)
    expect(await told()).toEqual([
      {
        ok: true,
        value: {
          tenant: 'main',
          atMs: 4_000,
          source: { partition: -1, offset: 0, item: 0 },
          body: {
            kind: 'recorder',
            instance: 'one',
            disks: [{ disk: 'data', freeBytes: 7, lowWaterBytes: 5 }],
            readers: [{ group: 'device-stage', lagMs: 12 }],
            logRetentionMs: 3_600_000,
            refused: [{ stage: 'device-stage', partition: 1, sinceMs: 3_000, why: 'x'.repeat(reasonCharsMax) }],
          },
        },
      },
    ])
  })

  it('tells at the start, and a telling that fails is told and holds nothing up', async () => {
    const errors: unknown[] = []
    const { deps, told } = createDeps({ onError: (error) => errors.push(error) })
    await startRecorderWatch(deps)()
    expect(await told()).toHaveLength(1)
    const failure = new Error('no such folder')
    await startRecorderWatch({ ...deps, disks: () => Promise.reject(failure) })()
    expect(errors).toEqual([failure])
    expect(await told()).toHaveLength(1)
  })
})
