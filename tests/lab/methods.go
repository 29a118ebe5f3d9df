package main

// methodTable lists what the lab answers itself. "Type.Method" goes before "Method".
func (l *Lab) methodTable() map[string]handler {
	return map[string]handler{
		"Login": login, "Logout": logout, "TerminateSession": terminate, "CancelTask": cancelTask,

		"CreateVM_Task": createVM, "ReconfigVM_Task": reconfigVM,
		"VirtualMachine.Rename_Task": renameVM, "VirtualMachine.Destroy_Task": destroyVM, "UnregisterVM": unregisterVM,
		"MarkAsTemplate": markAsTemplate, "MarkAsVirtualMachine": markAsVirtualMachine,

		"PowerOnVM_Task": powerOn, "PowerOffVM_Task": powerOff, "ResetVM_Task": resetVM,
		"ShutdownGuest": shutdownGuest, "RebootGuest": rebootGuest, "PowerOnMultiVM_Task": powerOnMulti,
		"PutUsbScanCodes": putUsbScanCodes, "CreateScreenshot_Task": createScreenshot, "AnswerVM": answerVM,

		"CreateSnapshot_Task": createSnapshot, "CreateSnapshotEx_Task": createSnapshot,
		"RevertToCurrentSnapshot_Task": revertToCurrent, "RevertToSnapshot_Task": revertToSnapshot,
		"RemoveSnapshot_Task": removeSnapshot, "RemoveAllSnapshots_Task": removeAllSnapshots,

		"SearchDatastore_Task": searchDatastore, "SearchDatastoreSubFolders_Task": searchDatastore, "DeleteDatastoreFile_Task": deleteFile,
		"MakeDirectory": makeDirectory, "CreateDirectory": createNamespace,
		"Folder.Destroy_Task": destroyFolder, "RegisterVM_Task": notHere, "RelocateVM_Task": notHere, "InstantClone_Task": notHere,

		"CloneVM_Task": cloneVM, "ExportVm": exportVM, "ExportSnapshot": exportSnapshot, "CreateDescriptor": createDescriptor,
		"HttpNfcLeaseProgress": leaseProgress, "HttpNfcLeaseComplete": leaseComplete, "HttpNfcLeaseAbort": leaseAbort,
		"HttpNfcLeaseGetManifest": leaseManifest, "HttpNfcLeaseSetManifestChecksumType": leaseChecksum,

		"HasPrivilegeOnEntities": hasPrivilege,

		"QueryConfigOption": queryConfigOption, "QueryConfigOptionEx": queryConfigOption,
		"QueryConfigOptionDescriptor": queryConfigOptionDescriptor,
		"RetrieveProperties":          retrieve, "RetrievePropertiesEx": retrieve,
		"RefreshDatastore": refreshDatastore, "RefreshStorageInfo": refreshStorageInfo,
	}
}
