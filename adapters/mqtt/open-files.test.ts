import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makePlace, type Place } from './broker-harness.ts'
import { connectionsAllowed, openFilesMax, openFilesReserve } from './open-files.ts'

const limits =
  'Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 4096                 files     \n'

describe('open files', () => {
  it('are read from what Linux says of the process', () => {
    expect(openFilesMax(limits)).toBe(1024)
    expect(openFilesMax(limits.replace('1024', 'unlimited'))).toBeNull()
    expect(openFilesMax('')).toBeNull()
  })

  it('bound the connections, with a reserve for the other files', () => {
    expect(connectionsAllowed(1_000, 1_000 + openFilesReserve)).toEqual({ connectionsMax: 1_000, problem: null })
    expect(connectionsAllowed(1_000, null)).toEqual({ connectionsMax: 1_000, problem: null })
    expect(connectionsAllowed(1_000, 999 + openFilesReserve)).toEqual({
      connectionsMax: 999,
      problem: 'Expected 1256 open files (ulimit -Hn) for MQTT_CONNECTIONS_MAX=1000, got 1255: at most 999 connections are accepted',
    })
    expect(connectionsAllowed(1_000, 10).connectionsMax).toBe(1)
  })
})

describe('a broker that may open fewer files than it may have connections', () => {
  let place: Place
  beforeEach(() => {
    place = makePlace()
  })
  afterEach(() => place.clean())

  it('says so at its start, and closes the connection that is one too many', async () => {
    const problems: string[] = []
    const running = await place.start({ openFilesMax: openFilesReserve + 1, onProblem: (error) => problems.push(error.message) })
    expect(problems).toEqual([expect.stringContaining('at most 1 connections are accepted')])
    await (await running.raw()).connect()
    const second = await running.raw()
    await expect.poll(second.closed).toBe(true)
  })
})
