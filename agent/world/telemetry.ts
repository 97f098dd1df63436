/** The wording of messages that tell facts, presence and log lines: values of a JSON object, without braces. Nothing here decides. */
import type { ModemWords, WanWords } from './actions.ts'
import type { RouterModel } from './models.ts'
import type { PlannedDevice } from './planned-device.ts'

export const statusText = (state: 'online' | 'offline', sessionId: string, reason?: string): string =>
  `"state":"${state}","sessionId":"${sessionId}"${reason === undefined ? '' : `,"reason":"${reason}"`}`

/** A will is written at the connect; it has neither time nor seq. */
export const willText = (sessionId: string): string => `{${statusText('offline', sessionId, 'connection lost')}}`

export const bootText = (reason: string, uptimeBefore: number, taskId: string | undefined): string =>
  `"reason":"${reason}","uptimeBefore":${uptimeBefore}${taskId === undefined ? '' : `,"taskId":"${taskId}"`}`

export const infoText = ({ serial, model }: PlannedDevice): string =>
  `"serial":"${serial}","hardware":"${model.hardware}","model":"${model.model}","kernel":"${model.kernel}","cores":${model.cores}`

export const firmwareText = (version: string, previous: string | undefined): string =>
  `"version":${JSON.stringify(version)}${previous === undefined ? '' : `,"previous":${JSON.stringify(previous)}`}`

export const modemText = (words: ModemWords, { modem, modemFirmware }: RouterModel): string => {
  if (!words.present) return '"state":"absent","registration":"not-registered"'
  const identity = words.sim === 'absent' ? '' : `,"imsi":"${words.imsi}","iccid":"${words.iccid}"`
  return `"sim":"${words.sim}","registration":"${words.registration}","roaming":${words.roaming},"plmn":"${words.plmn}","apn":${JSON.stringify(words.apn)},"imei":"${words.imei}"${identity},"model":"${modem}","firmware":"${modemFirmware}"`
}

export const wanText = (wan: WanWords, hasBackup: boolean, sinceMs: number, session: string, noAddress: boolean): string => {
  const backup = hasBackup ? `,"backup":"${wan.active === 'wwan0' ? 'eth1' : 'wwan0'}"` : ''
  const address = wan.active === 'wwan0' && (noAddress || !wan.up) ? '' : `,"ip":"${wan.ip}"`
  return `"active":"${wan.active}"${backup},"since":"${new Date(sinceMs).toISOString()}"${address},"up":${wan.up},"sessionId":"${session}","apn":${JSON.stringify(wan.apn)},"quotaBytes":${wan.quotaBytes},"usedBytes":${wan.usedBytes}`
}

/** As `dmesg -r` writes it; the stamp counts from the boot. */
export const dmesgText = (severity: number, sinceBootSeconds: number, text: string): string =>
  `"line":${JSON.stringify(`<${severity}>[${sinceBootSeconds.toFixed(6).padStart(12)}] ${text}`)}`

const severityWords = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'] as const
const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const

/** As OpenWrt's `logread -t` writes it, the epoch in brackets. */
export const syslogText = (severity: number, claimMs: number, program: string, pid: number, text: string): string => {
  const at = new Date(claimMs)
  const two = (value: number): string => String(value).padStart(2, '0')
  const clock = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`
  const stamp = `${days[at.getUTCDay()] ?? ''} ${months[at.getUTCMonth()] ?? ''} ${String(at.getUTCDate()).padStart(2)} ${clock} ${at.getUTCFullYear()}`
  const facility = program === 'dropbear' ? 'authpriv' : 'daemon'
  return `"line":${JSON.stringify(`${stamp} [${(claimMs / 1000).toFixed(3)}] ${facility}.${severityWords[severity] ?? 'info'} ${program}[${pid}]: ${text}`)}`
}
