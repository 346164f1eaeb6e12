// The token stands after the # of the link, so no server, proxy or log has seen it. It leaves the address bar at once and is sent by
// POST only, when the reader asks for it. A private key that is made here is never sent at all.
import { canMakePairs, makePair, readPair } from "/assets/pair.js";

const at = (id) => document.getElementById(id);
let pair = null; // made or read here
let unsaved = false; // something is shown that would be lost with the page

const takeToken = () => {
  const found = location.hash.slice(1);
  if (found === "") return;
  at("token").value = found;
  at("token-row").hidden = true;
  history.replaceState(null, "", location.pathname);
};

const show = (id, text) => {
  at(id).textContent = text;
  at(id).hidden = text === "";
};

const post = async (address, body) => {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Accept": "application/json" },
    body: JSON.stringify(body),
    credentials: "omit",
    cache: "no-store",
    referrerPolicy: "no-referrer",
  });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  if (problem.errors) throw new Error(problem.errors.map((e) => e.detail).join("\n"));
  throw new Error(problem.detail || problem.title || "The answer was " + answer.status + ".");
};

const token = () => {
  const value = at("token").value.trim();
  if (value === "") throw new Error("Open the link from the notice, or paste what stands after its #.");
  return value.slice(value.indexOf("#") + 1);
};

const busy = async (button, work) => {
  button.disabled = true;
  show("problem", "");
  try {
    await work();
  } catch (e) {
    show("problem", e.message);
    at("problem").scrollIntoView();
  } finally {
    button.disabled = false;
  }
};

const download = (name, content) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
};

const shown = (id) => new Blob([at(id).textContent], { type: "application/octet-stream" });

const showPair = (made) => {
  pair = made;
  at("private").textContent = pair.key;
  at("pair").hidden = false;
  unsaved = true;
};

const redeem = async (csr, certificate) => {
  const got = await (await post("/enroll", certificate ? { token: token(), csr, certificate } : { token: token(), csr })).json();
  at("device").textContent = got.device + " (" + got.environment + ")";
  at("chain").textContent = got.certificate_chain;
  at("key").textContent = got.key + "\n";
  at("pkcs12").textContent = 'openssl pkcs12 -export -inkey client.key -in client.crt -out client.p12 -name "' + got.device + '"';
  at("save-kit").dataset.name = got.kit;
  at("take").hidden = true;
  at("result").hidden = false;
  at("result").scrollIntoView();
  unsaved = true;
};

at("make").addEventListener("click", () => busy(at("make"), async () => showPair(await makePair())));
at("own").addEventListener("change", () => busy(at("own"), async () => {
  const file = at("own").files[0];
  if (file) showPair(await readPair(await file.text()));
}));
at("have").addEventListener("change", () => { at("take-pair").disabled = !at("have").checked; });
at("take-pair").addEventListener("click", () => busy(at("take-pair"), () => redeem(pair.csr)));

at("file").addEventListener("change", async () => {
  const file = at("file").files[0];
  if (file) at("csr").value = await file.text();
});
at("certificate-file").addEventListener("change", async () => {
  const file = at("certificate-file").files[0];
  if (file) at("certificate").value = await file.text();
});
at("request").addEventListener("submit", (e) => {
  e.preventDefault();
  busy(at("take-csr"), () => redeem(at("csr").value, at("certificate").value.trim()));
});

for (const [id, name] of [["private", "client.key"], ["chain", "client.crt"], ["key", "key.txt"]]) {
  at("save-" + id).addEventListener("click", () => download(name, shown(id)));
}
for (const id of ["private", "chain", "key", "pkcs12"]) {
  at("copy-" + id).addEventListener("click", () => busy(at("copy-" + id), () => navigator.clipboard.writeText(at(id).textContent)));
}
at("save-kit").addEventListener("click", () => busy(at("save-kit"), async () => {
  const kit = await post("/enroll/kit", { token: token() });
  download(at("save-kit").dataset.name, await kit.blob());
}));

at("stored").addEventListener("click", () => busy(at("stored"), async () => {
  await post("/enroll/acknowledgement", { token: token() });
  for (const id of ["private", "chain", "key"]) at(id).textContent = "";
  at("token").value = "";
  pair = null;
  unsaved = false;
  at("result").hidden = true;
  at("done").hidden = false;
}));

addEventListener("beforeunload", (e) => { if (unsaved) e.preventDefault(); });
addEventListener("hashchange", takeToken);
at("browser").hidden = !canMakePairs();
takeToken();
