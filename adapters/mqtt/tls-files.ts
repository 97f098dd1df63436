/** The files of the MQTTS listener: read and checked together, so that a certificate never runs with another one's key. */
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { AppError } from '../../runtime/errors.ts'

export type TlsFiles = { certFile: string; keyFile: string; caFile: string | null }
export type TlsMaterial = { cert: Buffer; key: Buffer; ca?: Buffer; notAfterMs: number }

/** Throws TLS_FILES_INVALID with the file and what is wrong with it. */
export const readTlsFiles = ({ certFile, keyFile, caFile }: TlsFiles): TlsMaterial => {
  const cert = readPem(certFile)
  const key = readPem(keyFile)
  const certificate = asked(certFile, () => new X509Certificate(cert))
  const privateKey = asked(keyFile, () => createPrivateKey(key))
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new AppError('TLS_FILES_INVALID', `Expected the key of the certificate ${certFile} in ${keyFile}, got the key of another one`)
  }
  const ca = caFile === null ? undefined : readPem(caFile)
  if (caFile !== null && ca) asked(caFile, () => new X509Certificate(ca))
  const material = { cert, key, ...(ca ? { ca } : {}) }
  asked(certFile, () => createSecureContext(material))
  return { ...material, notAfterMs: Date.parse(certificate.validTo) }
}

const readPem = (path: string): Buffer => asked(path, () => readFileSync(path))

const asked = <T>(path: string, read: () => T): T => {
  try {
    return read()
  } catch (cause) {
    throw new AppError('TLS_FILES_INVALID', `Expected PEM in ${path}: ${(cause as Error).message}`, { cause })
  }
}
