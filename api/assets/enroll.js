"use strict";
// The token stands after the # of the link, so no server, proxy or log has seen it. It leaves the address bar at once and is sent by
// POST only, when the reader asks for it.
(() => {
  const at = (id) => document.getElementById(id);
  let token = "";

  const takeToken = () => {
    const found = location.hash.slice(1);
    if (found === "") return;
    token = found;
    history.replaceState(null, "", location.pathname);
    at("no-token").hidden = true;
    at("form").hidden = false;
  };

  const show = (id, text) => {
    at(id).textContent = text;
    at(id).hidden = text === "";
  };

  const send = async (address, body) => {
    const answer = await fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Accept": "application/json" },
      body: JSON.stringify(body),
      credentials: "omit",
      cache: "no-store",
      referrerPolicy: "no-referrer",
    });
    const result = answer.status === 204 ? {} : await answer.json();
    if (!answer.ok) throw new Error(result.detail || result.title || "The answer was " + answer.status + ".");
    return result;
  };

  const busy = async (button, work) => {
    button.disabled = true;
    show("problem", "");
    try {
      await work();
    } catch (e) {
      show("problem", e.message);
    } finally {
      button.disabled = false;
    }
  };

  const download = (name, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  };

  at("file").addEventListener("change", async () => {
    const file = at("file").files[0];
    if (file) at("csr").value = await file.text();
  });

  at("take").addEventListener("click", () => busy(at("take"), async () => {
    const got = await send("/enroll", { token, csr: at("csr").value });
    at("device").textContent = got.device + " (" + got.environment + ")";
    at("chain").textContent = got.certificate_chain;
    at("key").textContent = got.key;
    at("form").hidden = true;
    at("result").hidden = false;
  }));

  for (const [button, source, name] of [["save-chain", "chain", "client.crt"], ["save-key", "key", "key.txt"]]) {
    at(button).addEventListener("click", () => download(name, at(source).textContent + (source === "key" ? "\n" : "")));
  }
  for (const [button, source] of [["copy-chain", "chain"], ["copy-key", "key"]]) {
    at(button).addEventListener("click", () => busy(at(button), () => navigator.clipboard.writeText(at(source).textContent)));
  }

  at("stored").addEventListener("click", () => busy(at("stored"), async () => {
    await send("/enroll/acknowledgement", { token });
    token = "";
    at("chain").textContent = "";
    at("key").textContent = "";
    at("result").hidden = true;
    at("done").hidden = false;
  }));

  addEventListener("hashchange", takeToken);
  takeToken();
})();
