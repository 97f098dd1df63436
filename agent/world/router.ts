/**
 * One router living through its plan: samples each interval, carries out its steps, keeps what it cannot send and sends it later as
 * it was. Pure but for its own state; time is what the agenda says, randomness comes from the seed. What it says is worded in
 * `telemetry.ts`; whether and when it gets out is decided in `outbound.ts`.
 */
import type { Action, Blocked, ModemWords, WanWords } from './actions.ts'
import { createClock } from './clock.ts'
import { createCoverage, type NoteTruth } from './coverage.ts'
import { activityAt } from './daily.ts'
import { bootTexts, ordinaryLine } from './log-texts.ts'
import { createModem, type RadioReading } from './modem.ts'
import type { Place } from './network.ts'
import { createOutbound, type Kept, type WorldEvent } from './outbound.ts'
import { type Plan, randomFor } from './plan-types.ts'
import type { PlannedDevice } from './planned-device.ts'
import { createSystem } from './system.ts'
import { bootText, dmesgText, firmwareText, infoText, modemText, statusText, syslogText, wanText } from './telemetry.ts'

export type Router = {
  /** When the next thing reaches the broker, at the earliest; Infinity after the end. */
  nextAtMs: () => number
  /** Undefined when that step said nothing. */
  next: () => WorldEvent | undefined
}

/** `boot`: counts boots; an entry of an earlier boot is void. Null: holds over boots. */
type Due = { atMs: number; boot: number | null; run: (nowMs: number) => void }

export const createRouter = (plan: Plan, device: PlannedDevice, note: NoteTruth = () => undefined): Router => {
  const { scenario, network, endMs, fromMs } = plan
  const random = randomFor(plan.seed, 'router', device.index)
  const { interval: intervalMs, every } = scenario.telemetry
  const prefix = `${device.model.product}/${device.model.model}/${device.mac}/`
  const modem = createModem({ network, ability: device.model.radio, carriersMax: device.model.carriersMax, place: device.place, random })
  const coverage = createCoverage(plan, device, modem, note)
  const clock = createClock()
  const system = createSystem(device, random)
  const drives = device.activity === 'vehicle'
  let place: Place = device.place
  const heading = { east: random.normal() * 0.006, north: random.normal() * 0.006 } // km/s, about 20 km/h.

  const agenda: Due[] = []
  let stepIndex = 0
  let nextRoundMs = fromMs + random.between(0, intervalMs - 1)
  let rounds = random.between(0, 59)

  let powered = true
  let reasonsToBeOff = 0 // A power cut during a night off is two.
  let booted = true
  let hung = false
  let boots = 0
  let bootId = random.uuid()
  let bootedAtMs = fromMs - random.between(3_600_000, 40 * 86_400_000)
  let lastAliveMs = fromMs
  let seq = 0
  let firmware = device.firmware
  let everConnected = false
  let brokerAwayUntilMs = 0
  let attaching = false
  let held: { connected: boolean } | undefined
  const blocks = new Map<string, Blocked>()
  let inService = true
  let cellularWasUp = true
  let failedOver = false
  let twinSeq = 0
  const twinBootId = random.uuid()
  if (device.noClock) clock.unset(true, false)

  const modemWords: ModemWords = {
    present: true,
    sim: 'ready',
    registration: 'home',
    roaming: false,
    plmn: network.plmn,
    apn: 'internet.example',
    imsi: `00101${(1_000_000_000 + device.index).toString()}`,
    iccid: `8999901${(100_000_000_000 + device.index).toString()}`,
    imei: `00440152${(1_000_000 + device.index).toString().slice(-7).padStart(7, '0')}`,
  }
  const newAddress = (): string => `100.${random.between(64, 127)}.${random.between(0, 255)}.${random.between(1, 254)}`
  const wan: WanWords & { sinceMs: number; session: number } = {
    active: 'wwan0',
    up: true,
    apn: modemWords.apn,
    quotaBytes: 0,
    usedBytes: 0,
    ip: newAddress(),
    sinceMs: bootedAtMs,
    session: 1,
  }
  wan.quotaBytes = random.pick([10e9, 50e9, 200e9])
  wan.usedBytes = Math.round(wan.quotaBytes * random.next() * 0.3)

  const after = (atMs: number, run: (nowMs: number) => void, boot: number | null = boots): void => {
    let index = agenda.length
    while (index > 0 && (agenda[index - 1]?.atMs ?? 0) > atMs) index--
    agenda.splice(index, 0, { atMs, boot, run })
  }

  const { keep_alive: keepAliveMs, buffer_messages_max: keptMax, upload_per_second: uploadPerSecond } = scenario.connection
  const outbound = createOutbound({
    deviceIndex: device.index,
    statusTopic: `${prefix}status`,
    fromMs,
    random,
    keepAliveMs,
    intervalMs,
    keptMax,
    uploadPerSecond,
    later: (atMs, run) => after(atMs, run, null),
  })

  const uptimeSeconds = (nowMs: number): number => Math.floor((nowMs - bootedAtMs) / 1000)

  const compose = (nowMs: number, topic: string, values: string, retain = false): Kept => {
    seq++
    const ts = clock.read(nowMs, bootedAtMs)
    const payload = `{"ts":${ts},"seq":${seq},"bootId":"${bootId}","uptime":${uptimeSeconds(nowMs)},${values}}`
    const { badPayloadShare } = system.effects
    const cut = badPayloadShare !== undefined && random.chance(badPayloadShare)
    return { topic: prefix + topic, payload: cut ? payload.slice(0, payload.length - 7) : payload, retain, bootId, seq }
  }

  const say = (nowMs: number, topic: string, values: string): void => {
    const { effects } = system
    if (hung || effects.quietTopics?.includes(topic) === true) return
    outbound.send(nowMs, compose(nowMs, topic, values), effects)
  }

  // ---- connection

  const reachable = (): boolean => {
    if (!powered || !booted) return false
    let wired = true
    for (const what of blocks.values()) {
      if (what === 'all') return false
      if (what === 'wired') wired = false
    }
    return wan.active === 'wwan0' ? cellularUp() : wired
  }
  const cellularUp = (): boolean => {
    if (!modemWords.present || !inService) return false
    for (const what of blocks.values()) if (what === 'cellular') return false
    return true
  }

  const connect = (nowMs: number, shuffled = false, duplicateShare = 0): void => {
    if (outbound.connected() || !reachable() || held?.connected === false) return
    outbound.open(nowMs, bootId, (session) => compose(nowMs, 'status', statusText('online', session), true))
    if (held === undefined) outbound.upload(nowMs, shuffled, duplicateShare)
    if (!everConnected) {
      everConnected = true
      say(nowMs, 'system/info', infoText(device))
      say(nowMs, 'system/firmware', firmwareText(firmware, undefined))
      sayModem(nowMs)
      sayWan(nowMs)
    }
    if (clock.isUnset()) after(nowMs + random.between(3_000, 15_000), () => clock.sync())
  }

  const considerUplink = (nowMs: number): void => {
    const cellular = cellularUp()
    if (!reachable()) outbound.lose(nowMs, false)
    if (cellular !== cellularWasUp && booted) {
      cellularWasUp = cellular
      if (wan.active === 'wwan0') setWan(nowMs, { up: cellular }, cellular)
      if (device.hasBackup && !cellular && wan.active === 'wwan0') after(nowMs + random.between(25_000, 45_000), failOver)
      if (failedOver && cellular) after(nowMs + random.between(60_000, 120_000), failBack)
    }
    if (outbound.connected() || attaching || !reachable()) return
    attaching = true
    const firstMs = everConnected ? random.between(3_000, 12_000) : random.between(0, scenario.connection.connect_within)
    after(Math.max(nowMs + firstMs, brokerAwayUntilMs), (laterMs) => {
      attaching = false
      connect(laterMs)
    })
  }

  const failOver = (nowMs: number): void => {
    if (cellularUp() || wan.active !== 'wwan0') return
    failedOver = true
    log(nowMs, 'syslog', 5, 'mwan3track', 'Interface wwan (wwan0) is offline, failing over to wanb (eth1)')
    setWan(nowMs, { active: 'eth1', up: true }, true)
    considerUplink(nowMs)
  }
  const failBack = (nowMs: number): void => {
    if (!cellularUp() || !failedOver) return
    failedOver = false
    log(nowMs, 'syslog', 5, 'mwan3track', 'Interface wwan (wwan0) is online again, back to it')
    setWan(nowMs, { active: 'wwan0', up: true }, true)
    considerUplink(nowMs)
  }

  // ---- words

  const sayModem = (nowMs: number): void => {
    say(nowMs, 'modem/status', modemText(modemWords, device.model))
  }
  const sayWan = (nowMs: number): void =>
    say(
      nowMs,
      'network/wan',
      wanText(
        wan,
        device.hasBackup,
        clock.read(wan.sinceMs, bootedAtMs),
        `${bootId.slice(0, 8)}-w${wan.session}`,
        system.effects.noAddress === true,
      ),
    )

  const setWan = (nowMs: number, set: Partial<WanWords>, newSession: boolean): void => {
    Object.assign(wan, set)
    if (newSession) {
      wan.session++
      wan.sinceMs = nowMs
      wan.ip = newAddress()
    }
    if (booted) sayWan(nowMs)
  }

  const log = (nowMs: number, source: 'dmesg' | 'syslog', severity: number, program: string, text: string): void => {
    if (!booted || hung) return
    if (source === 'dmesg') say(nowMs, 'log/dmesg', dmesgText(severity, (nowMs - bootedAtMs) / 1000, text))
    else say(nowMs, 'log/syslog', syslogText(severity, clock.read(nowMs, bootedAtMs), program, random.between(400, 9_999), text))
  }

  // ---- power and boots

  const goDown = (nowMs: number): void => {
    lastAliveMs = booted ? nowMs : lastAliveMs
    outbound.lose(nowMs, false)
    booted = false
    hung = false
    attaching = false
    boots++ // Voids what was on the agenda of this boot.
  }

  const bootUp = (nowMs: number, reason: string, taskId: string | undefined, ramoops: readonly string[] | undefined): void => {
    if (!powered) return
    const uptimeBefore = uptimeSeconds(lastAliveMs)
    const previousFirmware = firmware
    boots++
    booted = true
    bootId = random.uuid()
    bootedAtMs = nowMs - random.between(8_000, 14_000)
    seq = 0
    clock.boot()
    system.boot()
    modem.forget()
    wan.active = 'wwan0'
    failedOver = false
    wan.session = 1
    wan.sinceMs = nowMs
    wan.ip = newAddress()
    cellularWasUp = cellularUp()
    wan.up = cellularWasUp
    say(nowMs, 'system/boot', bootText(reason, uptimeBefore, taskId))
    say(
      nowMs,
      'log/dmesg',
      `"lines":${JSON.stringify(bootTexts(device.model.kernel, `${prefix.split('/').slice(0, 2).join(' ')} ${device.model.hardware}`).map((line) => `<5>[    0.000000] ${line}`))}`,
    )
    // Without stamps: those would count from the boot before.
    if (ramoops !== undefined) say(nowMs, 'log/dmesg', `"lines":${JSON.stringify(ramoops.map((line) => `<1>${line}`))}`)
    say(nowMs, 'system/info', infoText(device))
    say(nowMs, 'system/firmware', firmwareText(previousFirmware, undefined))
    sayModem(nowMs)
    sayWan(nowMs)
    if (!cellularWasUp && device.hasBackup) after(nowMs + random.between(25_000, 45_000), failOver)
    considerUplink(nowMs)
  }

  const reboot = (nowMs: number, action: Extract<Action, { do: 'reboot' }>): void => {
    if (!powered) return
    if (action.clean === true && outbound.connected() && held === undefined)
      outbound.leave(nowMs, (session) => compose(nowMs, 'status', statusText('offline', session, 'stopped'), true))
    goDown(nowMs)
    if (action.firmware !== undefined) firmware = action.firmware
    const bootMs = Math.round((action.bootMs ?? device.model.bootMs) * (0.9 + random.next() * 0.3))
    after(nowMs + bootMs, (laterMs) => bootUp(laterMs, action.reason, action.taskId, action.ramoops))
  }

  // ---- steps

  const carryOut = (nowMs: number, action: Action): void => {
    switch (action.do) {
      case 'power':
        reasonsToBeOff += action.on ? -1 : 1
        if (powered === (reasonsToBeOff === 0)) return
        powered = reasonsToBeOff === 0
        if (!powered) goDown(nowMs)
        else
          after(nowMs + Math.round(device.model.bootMs * (0.9 + random.next() * 0.3)), (laterMs) =>
            bootUp(laterMs, action.reason ?? 'power', undefined, undefined),
          )
        return
      case 'reboot':
        reboot(nowMs, action)
        return
      case 'hang':
        hung = action.on
        return
      case 'block':
        if (action.on) blocks.set(action.key, action.what)
        else blocks.delete(action.key)
        considerUplink(nowMs)
        return
      case 'hold':
        hold(nowMs, action)
        return
      case 'effect':
        if (action.effects?.shuffleGroup === undefined) outbound.sendGroup(nowMs)
        system.setEffects(action.key, action.effects)
        return
      case 'modem':
        Object.assign(modemWords, action.set)
        if (booted) sayModem(nowMs)
        considerUplink(nowMs)
        return
      case 'wan':
        if (!booted || (action.set.active === 'eth1' && !device.hasBackup)) return
        setWan(nowMs, action.set, action.newSession === true)
        considerUplink(nowMs)
        return
      case 'firmware':
        if (booted) say(nowMs, 'system/firmware', firmwareText(action.version, firmware))
        firmware = action.version
        return
      case 'log':
        log(nowMs, action.source, action.severity, action.program, action.text)
        return
      case 'clock':
        clock.set(
          action.key,
          action.on ? { aheadMs: action.aheadMs ?? 0, driftPerMillion: action.driftPerMillion ?? 0, sinceMs: nowMs } : undefined,
        )
        return
      case 'clock-unset':
        clock.unset(action.on, action.never)
        return
      case 'counters-reset':
        system.resetCounters()
        return
      case 'move':
        place = action.to ?? device.place
        modem.moveTo(place)
        readRadio(nowMs)
        return
      case 'reconnect':
        reconnect(nowMs, action.afterMs, action.silentBroker)
        return
      case 'twin':
        twin(nowMs, action.at)
        return
      case 'look':
        if (booted && !hung) readRadio(nowMs)
        return
    }
  }

  const hold = (nowMs: number, action: Extract<Action, { do: 'hold' }>): void => {
    if (action.on) {
      held = { connected: action.connected }
      outbound.hold(true)
      if (!action.connected) outbound.lose(nowMs, false)
      return
    }
    held = undefined
    outbound.hold(false)
    if (outbound.connected()) outbound.upload(nowMs, action.shuffle, action.duplicateShare)
    else connect(nowMs, action.shuffle, action.duplicateShare)
    considerUplink(nowMs)
  }

  const reconnect = (nowMs: number, afterMs: number, silentBroker: boolean): void => {
    if (silentBroker) brokerAwayUntilMs = nowMs + afterMs
    if (!outbound.connected()) return
    outbound.lose(nowMs, silentBroker)
    attaching = true
    after(nowMs + afterMs, (laterMs) => {
      attaching = false
      connect(laterMs)
      considerUplink(laterMs)
    })
  }

  const twin = (nowMs: number, at: Place): void => {
    if (!outbound.connected()) return
    const twinModem = createModem({ network, ability: device.model.radio, carriersMax: 1, place: at, random })
    const effects = system.radioEffects(nowMs)
    const reading = twinModem.read(nowMs, 0.5, effects)
    const message = (topic: string, values: string): Kept => {
      twinSeq++
      const payload = `{"ts":${clock.read(nowMs, bootedAtMs)},"seq":${twinSeq},"bootId":"${twinBootId}","uptime":${uptimeSeconds(nowMs)},${values}}`
      return { topic: prefix + topic, payload, retain: topic === 'status', bootId: twinBootId, seq: twinSeq }
    }
    outbound.takeOver(nowMs, twinBootId, (session) => [
      message('status', statusText('online', session)),
      message(radioTopic(reading), twinModem.text(reading, network.plmn, effects)),
    ])
    attaching = true
    after(nowMs + random.between(8_000, 25_000), (laterMs) => {
      attaching = false
      connect(laterMs)
      considerUplink(laterMs)
    })
  }

  // ---- rounds

  const radioTopic = ({ cell }: RadioReading): string =>
    cell?.rat === 'NR' || (cell === undefined && device.model.radio === 'sa') ? 'hardware/nr' : 'hardware/lte'

  const readRadio = (nowMs: number): void => {
    if (!booted || !modemWords.present || modemWords.sim !== 'ready') return
    const effects = system.radioEffects(nowMs)
    const reading = modem.read(nowMs, activityAt('network', nowMs, device.utcOffsetMs), effects)
    say(nowMs, radioTopic(reading), modem.text(reading, modemWords.plmn, effects))
    system.setSignal(reading.cell === undefined ? -20 : reading.sinrDb)
    const service = reading.cell !== undefined
    if (service === inService) return
    inService = service
    coverage.changed(nowMs, service, effects)
    if (modemWords.registration === 'searching' || modemWords.registration === 'home' || modemWords.registration === 'roaming') {
      modemWords.registration = service ? (modemWords.roaming ? 'roaming' : 'home') : 'searching'
      sayModem(nowMs)
    }
    considerUplink(nowMs)
  }

  const round = (nowMs: number): void => {
    rounds++
    if (!booted || hung) return
    const busy = activityAt(device.activity, nowMs, device.utcOffsetMs)
    if (drives) drive(busy)
    const due = (rate: number): boolean => rate !== 0 && rounds % rate === 0
    system.pass(nowMs, intervalMs, busy, outbound.connected() || outbound.nothingKept())
    wan.usedBytes += system.trafficBytes()
    if (due(every.radio)) readRadio(nowMs)
    if (due(every.loadavg)) say(nowMs + 12, 'hardware/loadavg', system.loadavg())
    if (due(every.cpu)) say(nowMs + 24, 'hardware/cpu', system.cpu())
    if (due(every.memory)) say(nowMs + 36, 'hardware/memory', system.memory(nowMs))
    if (due(every.interfaces)) say(nowMs + 48, 'network/interfaces', system.interfaces(wan, device.hasBackup, modemWords.present))
    if (due(every.probe) && outbound.connected()) say(nowMs + 60, 'network/probe', system.probe(wan.active))
    if (due(every.temperature)) say(nowMs + 72, 'hardware/temperature', system.temperature(nowMs))
    if (due(every.storage)) say(nowMs + 84, 'hardware/storage', system.storage())
    if (due(every.wan)) sayWan(nowMs + 96)
    if (due(every.modem)) sayModem(nowMs + 108)
    if (random.chance((scenario.background.log_lines_per_hour * intervalMs) / 3_600_000)) {
      const { severity, program, text } = ordinaryLine(random)
      log(nowMs + 120, 'syslog', severity, program, text)
    }
  }

  const drive = (busy: number): void => {
    const seconds = Math.min(intervalMs / 1000, 120) * busy
    if (seconds < 1) return
    const turned = (at: number, step: number): number => (at + step * seconds < 0 || at + step * seconds > network.widthKm ? -step : step)
    heading.east = turned(place.eastKm, heading.east)
    heading.north = turned(place.northKm, heading.north)
    place = { eastKm: place.eastKm + heading.east * seconds, northKm: place.northKm + heading.north * seconds }
    modem.moveTo(place)
  }

  // ---- the order of things

  const { steps } = device
  const nextThingMs = (): number => {
    let atMs = nextRoundMs
    const stepMs = steps[stepIndex]?.atMs
    if (stepMs !== undefined && stepMs < atMs) atMs = stepMs
    const dueMs = agenda[0]?.atMs
    return dueMs !== undefined && dueMs < atMs ? dueMs : atMs
  }

  const advance = (): void => {
    const atMs = nextThingMs()
    const step = steps[stepIndex]
    if (step !== undefined && step.atMs <= atMs) {
      stepIndex++
      carryOut(atMs, step.action)
      return
    }
    const due = agenda[0]
    if (due !== undefined && due.atMs <= atMs) {
      agenda.shift()
      if (due.boot === null || due.boot === boots) due.run(atMs)
      return
    }
    nextRoundMs += intervalMs
    round(atMs)
  }

  considerUplink(fromMs)
  return {
    nextAtMs: () => {
      const atMs = Math.min(outbound.headMs(), nextThingMs())
      return atMs > endMs ? Infinity : atMs
    },
    next: () => {
      // What happens meanwhile comes first: it may cut an upload short.
      if (outbound.headMs() < nextThingMs()) return outbound.shift()
      advance()
      return undefined
    },
  }
}
